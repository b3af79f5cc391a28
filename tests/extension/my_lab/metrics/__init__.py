"""Metrics, as in `eval/metrics/`."""
