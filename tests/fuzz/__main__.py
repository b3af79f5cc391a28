"""`python -m tests.fuzz [TARGET …]`: exit code 1 where a round ended in a traceback, a crash or a hang."""

import argparse
import sys
import time

from tests.fuzz.rounds import print_findings, run_rounds
from tests.fuzz.targets import TARGETS

parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
parser.add_argument("targets", nargs="*", metavar="TARGET")
parser.add_argument("--rounds", type=int, default=1000)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--list", action="store_true")
given = parser.parse_args()
if unknown := set(given.targets) - set(TARGETS):
    parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
if given.list:
    print("\n".join(TARGETS))
    sys.exit(0)
failed = False
for name in given.targets or TARGETS:
    started = time.monotonic()
    findings = run_rounds(TARGETS[name](), given.seed, given.rounds)
    print_findings(f"{name} ({time.monotonic() - started:.0f} s)", findings)
    failed |= bool(findings.faults)
sys.exit(failed)
