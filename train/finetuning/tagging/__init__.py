"""A tag for each word: how such data is read, written as tokens, and learnt."""
