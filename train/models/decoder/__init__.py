"""Our decoder-only transformer, in the layouts of GPT-2, Llama and Qwen3."""
