"""Models and tokenizers of others may bring code of their own. None of it is ever run, and nobody is asked to.

transformers asks on standard input where it is not told: all that loads a folder says `trust_remote_code=False`, within
`refusing_foreign_code`.
"""

import pickle
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.errors import UserError

if TYPE_CHECKING:
    from transformers import PretrainedConfig

AUTO_MAP = "auto_map"
"""Where the JSON files of a folder name the Python classes that it brings."""


@contextmanager
def refusing_foreign_code(place: str) -> Generator[None]:
    """Tells in one message where transformers could load a folder only by running code that lies in it.

    Args:
        place: the folder and the setting that names it, as `finetune.init=FOLDER`.

    Raises:
        UserError: where it needs Python code, or its weights are a pickle of more than tensors.
    """
    try:
        yield
    except ValueError as error:
        if "trust_remote_code" not in str(error):
            raise
        raise UserError(
            f"{place} needs Python code that it brings along ({AUTO_MAP} in its JSON files), and code of others is not "
            "run here; name one that transformers has a class for, or a version of this one that was converted to it"
        ) from None
    except pickle.UnpicklingError:
        raise UserError(
            f"{place} holds weights as a pickle (.bin) that is damaged or holds more than tensors, which could be any "
            "code; nothing of it was run. Get model.safetensors instead, or convert the file where you trust it"
        ) from None


def own_classes(settings: "PretrainedConfig", place: str) -> "PretrainedConfig":
    """The config without the names of foreign classes, so that nothing that is saved from it names them again.

    Raises:
        UserError: where it asks for an attention kernel that transformers would download and run.
    """
    if hasattr(settings, AUTO_MAP):
        delattr(settings, AUTO_MAP)
    attention = settings._attn_implementation
    if "/" in str(attention):
        raise UserError(
            f"{place} names the attention kernel {attention!r}, compiled code of others, which is not run here; take "
            "attn_implementation out of its config"
        )
    return settings
