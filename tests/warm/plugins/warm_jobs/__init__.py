"""Brings `launcher=warm` to planners that are not forked from the tests' server, such as those of a sweep's jobs."""

import tests.warm.launcher  # noqa: F401
