"""Pruning of weights that exist, before they are trained further."""
