"""Models scored on tasks of lm-evaluation-harness, with intervals, chance levels and contaminated items apart."""
