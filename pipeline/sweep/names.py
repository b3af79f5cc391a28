"""What a sweep's keys and metrics are called for people: in words, beside the name that one types."""

from pipeline.config.key_names import key_name
from pipeline.stages import STAGES


def words_for(name: str) -> str:
    """Of a key as its documentation has it, of a stage's metric as its name says; empty where neither does."""
    stage, _, metric = name.partition(".")
    return key_name(name) or (metric.replace("_", " ") if stage in STAGES and metric else "")


def title_of(name: str) -> str:
    """`peak learning rate (optim.lr)`; the name alone where there are no words for it."""
    return f"{words} ({name})" if (words := words_for(name)) else name


def axis_of(name: str) -> str:
    """The same on two lines."""
    return f"{words}\n{name}" if (words := words_for(name)) else name
