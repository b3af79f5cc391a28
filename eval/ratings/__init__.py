"""People's judgements of what models write: a sheet to judge on, and what comes of the answers."""
