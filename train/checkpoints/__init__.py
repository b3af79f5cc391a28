"""Training checkpoints, and the folder of the final model."""
