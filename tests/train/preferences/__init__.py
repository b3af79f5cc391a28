"""Tasks that learn from preferences."""
