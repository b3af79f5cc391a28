"""Endings of the files that texts are read from."""

TEXT_ENDINGS = (".txt", ".text", ".md", ".tokens", ".raw")
"""Of plain text."""
ROW_ENDINGS = (".jsonl", ".json", ".parquet")
"""Of rows with a text in each."""
