"""Learning from preferences: pairs of answers of which one is better, or answers that are good or bad."""
