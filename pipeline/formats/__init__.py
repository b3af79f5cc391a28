"""The formats through which stages meet: documents, shards, tokenizers, rows, checkpoints."""
