"""A package as a user of the project has it: one of each thing that a plugin can bring. The planner imports this."""

from my_lab import (
    banned,
    bigru,
    cloze,
    continuing,
    counting,
    dealt,
    diary,
    gru,
    longest,
    polite,
    polynomial,
    sgd,
    whole_words,
)

__all__ = [
    "banned",
    "bigru",
    "cloze",
    "continuing",
    "counting",
    "dealt",
    "diary",
    "gru",
    "longest",
    "polite",
    "polynomial",
    "sgd",
    "whole_words",
]
