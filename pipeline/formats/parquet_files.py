"""Reading Parquet files: what is wrong with one is told with its path, and not taken for what it is not."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import UserError

GET_AGAIN = "get it again"


@contextmanager
def reading(path: Path, remedy: str = GET_AGAIN) -> Generator[None]:
    """Around whatever reads the file.

    Args:
        remedy: what to do where it is damaged.

    Raises:
        UserError: for what is no Parquet file, or is damaged, and for one that needs more memory than there is.
        OSError: for what the system refuses.
    """
    try:
        yield
    except MemoryError as error:
        raise UserError(
            f"{path}: there is not enough memory to read it ({error}); give it more. Should the size be absurd, the "
            f"file is damaged: {remedy}"
        ) from None
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        # Arrow raises a bare OSError for content that it cannot decode; one with a number is the system's.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UserError(f"{path} is damaged or no Parquet file ({_short(error)}); {remedy}") from None


def read_metadata(path: Path, remedy: str = GET_AGAIN) -> pq.FileMetaData:
    """Its metadata.

    Raises:
        UserError: as `reading`.
    """
    with reading(path, remedy):
        return pq.read_metadata(path)


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
