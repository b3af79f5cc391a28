"""Finds and replaces personal data."""
