"""Settings that hold a credential are refused: they would stand in manifests, reports and logs."""

import os
import re
from collections.abc import Iterator
from typing import Any

from pipeline.config.base import Section, content_mark
from pipeline.redaction import redacted, secret_values
from pipeline.remote.listing import address_problem, is_remote

KEPT_NOWHERE = ("launcher", "run.command")
"""Sections that no artifact keeps, and in which `pipeline.planner` masks what it writes."""
LONG = 16
"""Characters of a value of the environment that no setting holds by chance."""
_SECRET_NAME = re.compile(
    r"(^|_)(api_?key|access_?key|secret|passw(or)?d|credentials?|(auth|access|hf)_token)$|^token$"
)


def credential_problems(value: Any, key: str = "") -> Iterator[str]:
    """One sentence for each setting that holds a user, password, signature or key, without it.

    Of what is not used, too: it would stand in the run's files all the same.
    """
    if key in KEPT_NOWHERE:
        return
    if isinstance(value, Section):
        for name, field in type(value).model_fields.items():
            item, inner = getattr(value, name), f"{key}.{name}" if key else name
            if content_mark(field):
                yield from _of_paths([item] if isinstance(item, str) else item or [], inner)
            else:
                yield from credential_problems(item, inner)
    elif isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, str) and item and _SECRET_NAME.search(str(name).lower()):
                yield _refusal(f"{key}.{name}")
            else:
                yield from credential_problems(item, f"{key}.{name}")
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from credential_problems(item, key)
    elif isinstance(value, str) and _holds_secret(value):
        yield _refusal(key)


def _of_paths(paths: Any, key: str) -> Iterator[str]:
    for path in paths:
        if is_remote(path) and (problem := address_problem(path)):
            yield f"{key}: {problem}"
        elif _holds_secret(path):
            yield _refusal(key)


def _holds_secret(text: str) -> bool:
    return redacted(text, [value for value in secret_values(os.environ) if len(value) >= LONG]) != text


def _refusal(key: str) -> str:
    return (
        f"{key} holds what looks like a key or a password, which would be kept in manifests and reports; give it by an "
        "environment variable, as your shell's or by launcher.env, or by a file such as ~/.netrc"
    )
