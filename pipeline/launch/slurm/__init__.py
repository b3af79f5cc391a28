"""Stages as jobs of SLURM."""
