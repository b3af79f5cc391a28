"""Files of a corpus to documents."""
