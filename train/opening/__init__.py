"""One door to every trained model: a run, an artifact, a training checkpoint or a Hugging Face folder."""
