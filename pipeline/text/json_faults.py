"""What is wrong with a line of JSON, in words."""

import json


def json_fault(error: Exception) -> str:
    """Where in the line it is and what, without the number of a line: whoever says it knows that of the file."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg.removesuffix(' at')} at character {error.pos + 1}"
    return str(error)
