"""Work on pieces by several processes."""
