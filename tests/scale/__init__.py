"""What grows with the number of ranks: starts, steps, checkpoints, failures, with ranks that are played."""
