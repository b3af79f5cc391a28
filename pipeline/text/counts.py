"""Numbers of things in messages."""


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 row is empty` or `1,200 rows are empty`, given `row is empty` and `rows are empty`.

    Args:
        many: None puts an s behind `one`.
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
