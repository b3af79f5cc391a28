"""Answers that stand in a text: how such data is read, written as tokens, and learnt."""
