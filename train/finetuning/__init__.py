"""Fine-tuning: examples, tasks, adapters."""
