"""Damaged inputs and random settings: each must be taken, or refused with one message, and never end in a traceback.

`python -m tests.fuzz [TARGET …] --rounds=1000 --seed=0` runs all targets, or those named; `--list` names them.
"""
