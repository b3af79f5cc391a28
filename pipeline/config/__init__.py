"""The configuration: typed sections, one class each, composed by Hydra and checked here."""
