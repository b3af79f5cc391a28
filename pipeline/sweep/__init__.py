"""Sweeps: Hydra chooses the values, and every job is a planner of its own."""
