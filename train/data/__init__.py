"""What a step sees: batches, their order, mixtures of corpora, packing of documents."""
