"""What is read again of the `stage.yaml` of an artifact, which another version of this project may have written."""

from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ValidationError

from pipeline.store.artifacts import SPEC_FILE
from pipeline.text.validation import objection


class WrittenSpec(BaseModel):
    """Its settings as they stand there; what it does not say is empty."""

    stage: str = ""
    fingerprint: str = ""
    run: dict[str, Any] = {}
    """The `run` section of the run that it was first built for."""
    config: dict[str, Any] = {}
    """The sections that the stage saw."""
    plugins: list[str] = []
    input_fingerprints: dict[str, str] = {}
    trunk: str | None = None

    @classmethod
    def read(cls, folder: Path) -> Self:
        """That of an artifact, finished or not.

        Raises:
            OSError: where the file is gone.
            ValueError: where it is damaged.
        """
        try:
            return cls.model_validate(yaml.safe_load((folder / SPEC_FILE).read_text(encoding="utf-8")))
        except yaml.YAMLError as error:
            raise ValueError(str(error)) from None
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(
                f"{'.'.join(map(str, first['loc'])) or 'all of it'}: {objection(first['msg'])}"
            ) from None
