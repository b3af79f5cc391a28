"""Predicts the memory of a training run, and refuses one that cannot fit."""
