"""Checkpoints of a training, and their averages, compared on held-out text."""
