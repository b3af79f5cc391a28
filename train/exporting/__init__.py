"""Checks an export against the model, and describes it."""
