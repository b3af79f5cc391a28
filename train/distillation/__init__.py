"""Learning from a teacher: who it is, what it says of each next token, and the loss that is made of it."""
