"""Words, lines and languages of a text, in numbers."""
