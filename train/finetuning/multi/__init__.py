"""Several tasks on one body."""
