"""A recurrent baseline."""
