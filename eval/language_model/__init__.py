"""Perplexity of models and n-gram baselines on text."""
