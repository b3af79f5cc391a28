"""Our own encoder–decoder, in the layout of T5."""
