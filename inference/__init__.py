"""Using a trained model: sample from it, chat with it, serve it."""
