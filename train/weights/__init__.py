"""Which weights of a training are used, where they are not those that it ended with."""
