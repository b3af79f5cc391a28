"""Files for llama.cpp, written through the `gguf` package (format: ggml-org/ggml, docs/gguf.md)."""
