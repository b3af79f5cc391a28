"""Formats of a corpus of files, as in `data_prep/sources/file_formats/`."""
