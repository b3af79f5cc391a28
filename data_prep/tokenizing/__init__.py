"""Trains tokenizers, and brings those that exist."""
