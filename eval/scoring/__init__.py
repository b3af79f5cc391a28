"""Scores of generated texts and of labels."""
