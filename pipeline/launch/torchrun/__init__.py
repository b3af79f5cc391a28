"""Launches with torchrun: its agent, and planners of several machines that meet."""
