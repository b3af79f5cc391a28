"""The report of a run while it is made, as a page that renews itself: `python -m eval.watch [RUN] [key=value …]`."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveInt

from eval.report import gather
from eval.reporting.live_run import read_live_stages, run_settings
from eval.reporting.pages import render
from pipeline.config.base import Section
from pipeline.config.command_words import read_settings, usage
from pipeline.config.evaluation import ReportConfig
from pipeline.errors import UserError, exit_on_user_error
from pipeline.formats.run_folder import is_run, other_runs, started_runs

HOST = "127.0.0.1"
"""The page shows texts of the corpus and has no key: only this machine reaches it."""


class WatchSettings(Section):
    """`watch [RUN] [key=value …]`: its report while it runs, in the browser; without a name that of the newest run."""

    runs: str = "runs"
    """The folder of runs."""
    port: Annotated[int, Field(ge=0, lt=65536)] = 8010
    """Of the page; 0 takes one that is free."""
    every: PositiveInt = 10
    """Seconds after which the page renews itself."""
    samples: PositiveInt = 8
    """Texts shown of each kind."""


def main(words: Sequence[str]) -> None:
    if words and words[0] in ("-h", "--help"):
        print(usage(WatchSettings))
        return
    with exit_on_user_error():
        names = [word for word in words if "=" not in word]
        settings = read_settings(WatchSettings, [word for word in words if "=" in word])
        if len(names) > 1:
            raise UserError(f"one run is watched, and {len(names)} are given: {', '.join(names)}")
        folder = find_run_folder(names[0] if names else None, Path(settings.runs))
        server = open_server(folder, settings)
        print(f"{folder.name}: http://{HOST}:{server.server_address[1]}   (Ctrl-C ends)", flush=True)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


def find_run_folder(name: str | None, runs: Path) -> Path:
    """The folder of the run of that name, or of the newest one.

    Raises:
        UserError: where there is none.
    """
    if name is None:
        if not (known := started_runs(runs)):
            raise UserError(
                f"there is no run in {runs.resolve()} yet; start one (make demo), or name runs=FOLDER"
            )
        return known[0]
    for folder in (runs / name, Path(name).expanduser()):
        if is_run(folder):
            return folder
    raise UserError(f"there is no run {name!r} in {runs.resolve()}; {other_runs(name, runs)}")


def open_server(folder: Path, settings: WatchSettings) -> ThreadingHTTPServer:
    """A server of the page, which is made anew for each request.

    Raises:
        UserError: where the port is in use.
    """

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/":
                self.send_error(404)
                return
            try:
                status, body = 200, live_page(folder, settings)
            except (
                UserError,
                OSError,
            ) as error:  # a stage may be renamed while it is read: the next page has it
                status, body = (
                    503,
                    render("waiting.html.j2", {"reason": str(error), "refresh": settings.every}),
                )
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            with suppress(ConnectionError):
                self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a line each few seconds would bury what the terminal shows."""

    try:
        return ThreadingHTTPServer((HOST, settings.port), Page)
    except OSError as error:
        raise UserError(
            f"port {settings.port} cannot be used ({error.strerror}); choose another: port={settings.port + 1}"
        ) from None


def live_page(folder: Path, settings: WatchSettings) -> str:
    """The run's report as it stands."""
    run = run_settings(folder)
    stages = read_live_stages(folder, run)
    inputs = {stage.name: stage.folder for stage in stages}
    values = gather(ReportConfig(samples=settings.samples), inputs, stages, run)
    return render("report.html.j2", {**values, "refresh": settings.every})


if __name__ == "__main__":
    main(sys.argv[1:])
