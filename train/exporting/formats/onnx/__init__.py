"""Graphs for ONNX runtimes, made by torch's exporter."""
