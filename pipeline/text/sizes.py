"""Sizes in messages."""


def size_in_words(count: float) -> str:
    """`13.20 GB` or `3.4 MB`, of so many bytes."""
    return f"{count / 1e9:,.2f} GB" if count >= 1e8 else f"{count / 1e6:,.1f} MB"
