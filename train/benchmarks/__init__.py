"""Models of this project as lm-evaluation-harness asks them."""
