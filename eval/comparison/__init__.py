"""Two runs beside each other: their figures with significance, their losses, and what they write."""
