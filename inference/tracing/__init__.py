"""Where a text stands in what a model was trained on, and when the model read it."""
