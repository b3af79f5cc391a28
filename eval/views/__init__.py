"""Pictures of how a model reads a text: which tokens its heads look at, and which of them its prediction is due to."""
