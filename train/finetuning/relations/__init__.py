"""Relations between two parts of a text: how such data is read, marked, and written as tokens."""
