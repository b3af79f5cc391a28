"""Text from a model: sampling, beams, where to stop."""
