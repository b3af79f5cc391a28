"""Systems beside each other: what each was trained with, and how well it does in each of some tests."""
