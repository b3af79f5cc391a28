"""A conversation with a model in the terminal: `python -m inference.chat [key=value …]`."""

import io
import sys
from collections.abc import Sequence
from contextlib import suppress

from inference.settings import ChatSettings
from pipeline.config.command_words import read_settings, usage
from pipeline.errors import exit_on_user_error


def main(words: Sequence[str]) -> None:
    if words and words[0] in ("-h", "--help"):
        print(usage(ChatSettings))
        return
    with suppress(ImportError):
        import readline  # noqa: F401 (gives `input` editing and a history)
    with exit_on_user_error():
        settings = read_settings(ChatSettings, words)
        opened = settings.open()
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(
                errors="surrogateescape"
            )  # an error would lose all lines read ahead with this one
        from inference.terminal import Chat  # loads torch: what is wrong with the settings has been told

        Chat(opened, settings).run()


if __name__ == "__main__":
    main(sys.argv[1:])
