"""Keeps secrets out of what is kept or shown: credentials in addresses, keys, and those of the environment."""

import logging
import os
import re
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

MASK = "…"
SHORTEST = 8
"""Characters of a value of the environment that is looked for in texts; shorter ones stand in many."""

_USER = re.compile(r"(\w://)[^/\s?#'\"]*@")
_QUERY = re.compile(r"(\w://[^\s?'\"]*)\?[^\s'\"]*")
_SECRET_WORD = r"TOKEN(?!S|IZ)|SECRET|PASSW(?:OR)?D|CREDENTIAL|SIGNATURE|_SIG\b|API_?KEY|ACCESS_?KEY|_KEY\b"
_VALUE = r"(\"[^\"]*\"|'[^']*'|[^\s'\",;&}\]]+)"
_PARAMETER = re.compile(
    rf"([?&][\w.-]*(?:{_SECRET_WORD.replace('_', '[_-]?')}|\bsig\b|\bkey\b)[\w.-]*=)[^\s&'\"]+", re.IGNORECASE
)
_ASSIGNED = re.compile(rf"(\b[A-Z0-9_]*(?:{_SECRET_WORD})[A-Z0-9_]*['\"]?\s*[=:]\s*){_VALUE}")
_AUTHORIZED = re.compile(r"((?:authorization\W+)?\b(?:bearer|basic)\s+)[\w.~+/=-]{16,}", re.IGNORECASE)
_KEYS = re.compile(
    r"""\b(?:
    hf_[A-Za-z0-9]{20,}                       # Hugging Face
    | wandb_v\d_[\w-]{20,}                    # Weights & Biases
    | sk-[A-Za-z0-9_-]{20,}                   # OpenAI, Anthropic and others
    | gh[a-z]_[A-Za-z0-9]{30,} | github_pat_\w{20,}
    | glpat-[\w-]{16,}                        # GitLab
    | (?:AKIA|ASIA)[A-Z0-9]{16}               # AWS
    | AIza[\w-]{30,} | ya29\.[\w-]{20,}       # Google
    | xox[a-z]-[\w-]{10,}                     # Slack
    | eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*      # JSON Web Token
    )|-----BEGIN\ [A-Z ]*PRIVATE\ KEY-----[^-]*""",
    re.VERBOSE,
)


def masked(text: str) -> str:
    """A text without the users, passwords and queries of the addresses in it."""
    return _QUERY.sub(rf"\1?{MASK}", _USER.sub(rf"\1{MASK}@", text))


def redacted(text: str, values: Iterable[str] = ()) -> str:
    """A text without credentials: users and signatures in addresses, assignments to variables that are named like
    secrets, and what looks like a key.

    Args:
        values: further secrets, replaced wherever they stand.
    """
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, MASK)
    text = _USER.sub(rf"\1{MASK}@", text)
    for pattern in (_PARAMETER, _ASSIGNED, _AUTHORIZED):
        text = pattern.sub(rf"\1{MASK}", text)
    return _KEYS.sub(MASK, text)


def secret_values(environment: Mapping[str, str]) -> list[str]:
    """The values of variables that are named like secrets, and the passwords in addresses, such as a proxy's."""
    found: list[str] = []
    for name, value in environment.items():
        if re.search(_SECRET_WORD, name.upper()):
            found.append(value)
        found += [user.rpartition(":")[2] for user in re.findall(r"\w://([^/\s@]*:[^/\s]*)@", value)]
    return [value for value in found if len(value) >= SHORTEST and not value.startswith(("/", "~"))]


def redacted_tree(value: Any) -> Any:
    """JSON-like values with all texts in them redacted."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {key: redacted_tree(item) for key, item in value.items()}
    return [redacted_tree(item) for item in value] if isinstance(value, list) else value


def redacted_overrides(words: Sequence[str]) -> list[str]:
    """Words of a command line as they may be kept: no value of `launcher.env` is among them."""
    shown = []
    for word in words:
        key, _, value = word.partition("=")
        name = key.lstrip("+~")
        hidden = name.startswith("launcher.env") or (name == "launcher" and value.startswith("{"))
        shown.append(f"{key}={MASK}" if hidden and value else redacted(word))
    return shown


def shown_overrides(overrides: Sequence[str]) -> list[str]:
    """What a person types for the same run; without secrets, and without the `++` that the program puts in front."""
    return [word.removeprefix("++") for word in redacted_overrides(overrides)]


class RedactingFormatter(logging.Formatter):
    """Lines of a log, without what `redacted` takes out and without the secrets of this process's environment."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record), secret_values(os.environ))


def redact_tracebacks() -> None:
    """From here on an exception that ends this process is printed without secrets: under SLURM into a log."""
    sys.excepthook = _print_redacted


def _print_redacted(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    text = "".join(traceback.format_exception(kind, error, trace))
    print(redacted(text, secret_values(os.environ)), end="", file=sys.stderr)
