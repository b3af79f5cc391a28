"""Sizes in messages."""


def size_in_words(count: float) -> str:
    """`13.20 GB`, `3.4 MB`, `1.2 kB` or `120 B`, of so many bytes."""
    if count >= 1e8:
        return f"{count / 1e9:,.2f} GB"
    if count >= 1e5:
        return f"{count / 1e6:,.1f} MB"
    return f"{count / 1e3:,.1f} kB" if count >= 1e3 else f"{count:.0f} B"


def sizes_in_words(counts: list[float]) -> list[str]:
    """The sizes of a table's column, all in the unit that suits the largest."""
    largest = max(counts, default=0)
    unit, name = next(((u, n) for u, n in ((1e9, "GB"), (1e6, "MB")) if largest >= u / 10), (1e3, "kB"))
    digits = 2 if largest >= 10 * unit else 3
    least = 10**-digits
    return [
        f"{count / unit:,.{digits}f} {name}"
        if count == 0 or count / unit >= least / 2
        else f"< {least:g} {name}"
        for count in counts
    ]
