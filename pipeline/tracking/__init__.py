"""Metrics and tables: into the artifact always, to Weights & Biases as well."""
