"""What pydantic says of a value, as part of a sentence."""

_PREFIXES = ("Value error, ", "Assertion failed, ")
"""Put before what a check of our own says."""


def objection(message: str) -> str:
    """One of pydantic's messages without what it puts before it, to go on behind a colon."""
    for prefix in _PREFIXES:
        message = message.removeprefix(prefix)
    return message[:1].lower() + message[1:]
