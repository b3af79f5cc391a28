"""Starts a stage's workers and sees them to their end."""
