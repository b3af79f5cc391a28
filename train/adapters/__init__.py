"""Low-rank adapters on any model, whose own weights are frozen, in 4 bits where that is set; and merged."""

ADAPTER_FOLDER = "adapter"
"""In an artifact: the adapters by themselves. Its model has them merged."""
