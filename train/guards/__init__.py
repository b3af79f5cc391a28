"""Sees steps that do not count, and runs that have diverged."""
