"""Models of `transformers`, a module for each way of reading."""
