"""Our encoder, in the layouts of BERT and ModernBERT."""
