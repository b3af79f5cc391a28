"""Weights rounded to 8 or 4 bits, in safetensors, and layers that compute with them by torch's own kernels for CPUs."""
