"""Installs the project into a virtual environment, and shows how far it is: `python pipeline/install.py .venv EXTRAS`.

Imports the standard library alone, since nothing else is there yet. Takes uv where it is on the path, else pip.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

ROOT = Path(__file__).resolve().parent.parent
SILENCE_SECONDS = 15
"""Where the output is no terminal, a line tells after so long that it goes on."""


class PipOutput:
    """What pip says, in a few words."""

    def __init__(self) -> None:
        self.packages: set[str] = set()
        self.doing = "starting"

    def read(self, line: str) -> None:
        first, _, rest = line.strip().partition(" ")
        if line.startswith(("Collecting ", "Requirement already satisfied: ")):
            # "Collecting torch>=2.11 (from lm-workflow==0.1.0)"
            named = rest.removeprefix("already satisfied: ").split(" ")[0]
            self.packages.add(named)
            self.doing = f"looking for {len(self.packages)} packages, now {named}"
        elif first == "Downloading":
            self.doing = f"downloading {rest.rpartition('/')[2]}"
        elif line.startswith("Installing collected packages: "):
            self.doing = f"unpacking {line.count(',') + 1} packages"


def ticks(process: "subprocess.Popen[str]") -> Iterator[float]:
    """The seconds that have passed, again and again until the process ends."""
    started = time.monotonic()
    while process.poll() is None:
        yield time.monotonic() - started
        time.sleep(0.5)


def run_pip(python: Path, what: list[str], log: Path) -> int:
    """Shows one line that changes, or in a file one line now and then; the whole of the output goes into the log."""
    command = [
        str(python),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--progress-bar=off",
        *what,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output, lines = PipOutput(), process.stdout
    assert lines is not None  # it is piped

    def read() -> None:
        with log.open("w") as file:
            for line in lines:
                file.write(line)
                output.read(line)

    reader = Thread(target=read)
    reader.start()
    terminal, said = sys.stdout.isatty(), 0.0
    width = shutil.get_terminal_size().columns - 1
    for passed in ticks(process):
        text = f"  {spelled(passed)}: {output.doing}"
        if terminal:
            print(f"\r\033[K{text[:width]}", end="", flush=True)
        elif passed - said >= SILENCE_SECONDS:
            print(text, flush=True)
            said = passed
    reader.join()
    if terminal:
        print("\r\033[K", end="")
    return process.returncode


def spelled(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def install(environment: Path, extras: str) -> int:
    """The exit code of uv or pip."""
    python, log = environment / "bin" / "python", environment / "install.log"
    if not (environment / "bin" / "pip").exists():  # pip comes last
        print("It takes PyTorch and some hundred packages: a few minutes, gigabytes on the disk.", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    what = ["--constraint", str(ROOT / "constraints.txt"), "--editable", f"{ROOT}[{extras}]"]
    if uv := shutil.which("uv"):  # shows its progress by itself
        return subprocess.run([uv, "pip", "install", "--python", str(python), *what], check=False).returncode
    code = run_pip(python, what, log)
    if code:
        print(*log.read_text().splitlines()[-15:], sep="\n", file=sys.stderr)
        print(f"The installation failed; {log} has all that pip said.", file=sys.stderr)
    return code


def main(environment: Path, extras: str) -> int:
    started = time.monotonic()
    print(f"Installing into {environment} …", flush=True)
    try:
        code = install(environment, extras)
    except KeyboardInterrupt:
        print("\nStopped; the same command goes on with what was downloaded.", file=sys.stderr)
        return 130
    if code == 0:
        print(f"Installed in {spelled(time.monotonic() - started)}.")
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
