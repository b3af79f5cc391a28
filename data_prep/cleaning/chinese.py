"""Chinese text in simplified or in traditional characters."""

from typing import Any, Literal

from pipeline.packages import Need, NotInstalled

_CONFIGURATIONS = {"simplified": "t2s", "traditional": "s2t"}


class ChineseConverter:
    """Converts to one script with OpenCC, by its dictionaries of characters and phrases; picklable.

    Text that is in that script already, or isn't Chinese, stays as it is, as far as characters are not shared.

    Raises:
        UserError: where OpenCC isn't installed.
    """

    def __init__(self, kind: Literal["simplified", "traditional"]) -> None:
        self.kind = kind
        self._converter = _open(kind)

    def convert(self, text: str) -> str:
        return self._converter.convert(text)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.kind,)  # OpenCC's own object holds C++ dictionaries


def _open(kind: str) -> Any:
    try:
        import opencc
    except ImportError:
        what = f"clean.chinese={kind} (without opencc-python-reimplemented, which uses the same folder)"
        raise NotInstalled([Need(what, ("opencc",), "chinese")]) from None
    return opencc.OpenCC(_CONFIGURATIONS[kind])
