"""Processes that start in a moment, for tests of what programs do and not of how they are started.

Importing torch, Lightning and transformers takes a process some seconds of CPU, many times what the few steps of a test
take. So one process (`server.py`) imports them once, and each program of a test is forked from it: the planner, the
workers that it starts (`launcher=warm`), ranks that meet (`ranks.py`). What differs from a program that a user starts:
it has more imported than it needs, its command line is that of the server, and an export is checked in a fork, too.
"""
