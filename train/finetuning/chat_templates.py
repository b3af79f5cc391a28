"""Chat templates: where they are found, and how they are rendered without trust in them.

transformers renders them in jinja2's immutable sandbox. That knows no limit of time, and a loop in a loop may go on for
years.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, cast

from jinja2 import TemplateError

from pipeline.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

FOLDER = Path(__file__).parent / "templates"
"""Templates by name. `markers` is for tokenizers with the three markers as special tokens, `text` for those without."""
ENDING = ".jinja"
RENDER_SECONDS = 5.0
"""A conversation takes a fraction of a millisecond."""
TEMPLATE_FILE = "<template>"
"""What jinja2 calls the file of a template that is given as text."""
PROBE = [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]


TraceFunction = Callable[[FrameType, str, Any], Any]


class _OutOfTime(Exception):
    """Raised in the midst of a template."""


def named_template(name: str) -> str:
    """The text of a template of this project."""
    return (FOLDER / f"{name}{ENDING}").read_text(encoding="utf-8")


def find_template(setting: str) -> str:
    """The text of a template by its name, or of a file, tried on one exchange.

    Raises:
        UserError: where there is none, or it cannot be rendered.
    """
    if setting.endswith(ENDING):
        try:
            text = Path(setting).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"finetune.template={setting} cannot be read: {error}") from None
    else:
        names = template_names()
        if setting not in names:
            raise UserError(
                f"finetune.template={setting}: there is no such template; there are {', '.join(names)}, or name a file "
                f"that ends with {ENDING}"
            )
        text = named_template(setting)
    _render(text, PROBE, f"finetune.template={setting}")
    return text


def _render(
    template: str, turns: Sequence[Mapping[str, Any]], called: str, add_generation_prompt: bool = False
) -> str:
    """Turns by a template that is no tokenizer's, with special tokens of any kind.

    Args:
        called: what the template is called where it fails.
    """
    from transformers.utils.chat_template_utils import render_jinja_template

    with _guarded(called):
        texts, _ = render_jinja_template(
            [list(map(dict, turns))],
            chat_template=template,
            add_generation_prompt=add_generation_prompt,
            bos_token="<s>",
            eos_token="</s>",
        )
    return texts[0]


def template_names() -> list[str]:
    """The templates of this project."""
    return sorted(path.stem for path in FOLDER.glob(f"*{ENDING}"))


def keeps_as_it_is(template: str, prompt: str) -> bool:
    """Whether a template writes nothing around such a question.

    Raises:
        UserError: where it fails on it.
    """
    turns = [{"role": "user", "content": prompt}]
    return _render(template, turns, "the tokenizer's chat template", add_generation_prompt=True) == prompt


def render_turns(
    tokenizer: "PreTrainedTokenizerBase", turns: Sequence[Mapping[str, Any]], add_generation_prompt: bool
) -> str:
    """The turns by the tokenizer's template.

    Raises:
        UserError: where it refuses them, fails on them or does not come to an end.
    """
    with _guarded("the tokenizer's chat template"):
        text = tokenizer.apply_chat_template(
            cast(Any, turns), tokenize=False, add_generation_prompt=add_generation_prompt
        )
    return cast(str, text)  # without `tokenize`


@contextmanager
def _guarded(what: str) -> Generator[None]:
    """Raises: UserError: where a template fails in any of the ways in which foreign code may."""
    try:
        with _time_limit(RENDER_SECONDS):
            yield
    except _OutOfTime:
        raise UserError(
            f"{what} does not come to an end within {RENDER_SECONDS:g} seconds on one conversation; it has a loop too "
            "many"
        ) from None
    except (
        TemplateError,
        ArithmeticError,
        LookupError,
        TypeError,
        ValueError,
        RecursionError,
        MemoryError,
    ) as error:
        raise UserError(f"{what} fails on these turns: {error or type(error).__name__}") from None


def _time_limit(seconds: float) -> AbstractContextManager[None]:
    """Raises _OutOfTime after so long."""
    if threading.current_thread() is threading.main_thread():
        return _alarm(seconds)
    return _look_at_the_clock(seconds)


@contextmanager
def _alarm(seconds: float) -> Generator[None]:
    """By a signal, which costs nothing and which only the main thread gets. An alarm that was set before is set
    again."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _OutOfTime

    handler = signal.signal(signal.SIGALRM, stop)
    before, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, before, interval)
        signal.signal(signal.SIGALRM, handler)


@contextmanager
def _look_at_the_clock(seconds: float) -> Generator[None]:
    """Before each line of the template, which makes it a millisecond slower: for the threads of a server."""
    end = time.monotonic() + seconds

    def look(frame: FrameType, event: str, argument: object) -> TraceFunction | None:
        if frame.f_code.co_filename != TEMPLATE_FILE:
            return None
        if time.monotonic() > end:
            raise _OutOfTime
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        yield
    finally:
        sys.settrace(before)
