"""Turns and commands from the terminal, and a model's answers to it."""

from collections.abc import Callable
from pathlib import Path

from inference.conversation import Conversation
from inference.settings import ChatSettings, with_temperature
from inference.writing import Text, write
from pipeline.config.typed_text import refuse_what_is_not_utf8
from pipeline.errors import UserError
from pipeline.text.counts import counted
from train.opening.opened_model import OpenedModel


class Chat:
    """Reads turns and commands, and prints answers as they come."""

    def __init__(self, opened: OpenedModel, settings: ChatSettings):
        self._opened, self._settings = opened, settings
        self._conversation = Conversation(opened.chat, settings.system)
        self._answers = 0
        self._ended = False
        self._interrupted = False
        """Whether Ctrl-C was the last that came: another one ends the program."""
        self._commands: dict[str, Callable[[str], None]] = {
            "/system": self._system,
            "/temperature": self._temperature,
            "/save": self._save,
            "/reset": self._reset,
            "/quit": self._quit,
            "/exit": self._quit,
            "/help": self._help,
        }

    def run(self) -> None:
        """Until /quit, Ctrl-D, or Ctrl-C twice."""
        print(f"{self._opened.name} is ready. /help lists the commands, /quit or Ctrl-D ends.")
        while not self._ended and (line := self._read()) is not None:
            try:
                self._take(line.strip())
            except UserError as error:
                print(f"error: {error}")

    def _read(self) -> str | None:
        """The next line; None at the end."""
        while True:
            try:
                line = input("> ")
            except EOFError:
                print()
                return None
            except KeyboardInterrupt:
                if self._interrupted:
                    print()
                    return None
                self._interrupted = True
                print("\nCtrl-C once more, or Ctrl-D, ends the conversation.")
                continue
            self._interrupted = False
            return line

    def _take(self, line: str) -> None:
        if not line:
            return
        refuse_what_is_not_utf8(line, "this")
        name, *others = line.split(maxsplit=1)  # also at a full-width space
        if name.startswith("／") or (name.startswith("、") and f"/{name[1:]}" in self._commands):
            # What the key / writes with input methods for Chinese.
            line, name = f"/{line[1:]}", f"/{name[1:]}"
        rest = "".join(others)
        if not line.startswith("/"):
            self._answer(line)
        elif name in self._commands:
            self._commands[name](rest)
        else:
            raise UserError(f"there is no command {name}; /help lists them")

    def _answer(self, text: str) -> None:
        """Print the model's answer as it comes. Ctrl-C ends it; what there is of it stays in the conversation."""
        model = self._opened.model
        room, _ = model.share_context(self._settings.max_new_tokens)
        ids, left_out = self._conversation.ask(text, room)
        if unknown := self._opened.describe_unknown(text):
            print(f"({unknown})")
        if left_out:
            turns = counted(left_out, "turn is", "turns are")
            print(f"(the first {turns} left out: the model reads {model.context:,} tokens at once)")
        written = Text(
            self._opened,
            ids,
            self._settings.sampling,
            self._settings.stop,
            self._settings.seed,
            self._answers,
        )
        self._answers += 1
        said = ""
        try:
            for _, piece in write(self._opened, [written]):
                said += piece
                print(piece, end="", flush=True)
        except KeyboardInterrupt:
            self._interrupted = True
        print()
        if written.tokens.ended == "length":
            print(f"(cut after {counted(len(written.tokens.ids), 'token')}: {self._why_cut(written)})")
        if said:
            self._conversation.answer(said)
        else:
            self._conversation.take_back()
            print(
                "(no answer: the model ended at once, and your turn is taken back; ask again, or set another "
                "/temperature)"
            )

    def _why_cut(self, written: Text) -> str:
        most = self._settings.max_new_tokens
        if len(written.tokens.ids) >= most:
            return f"max_new_tokens={most}; start with a larger one for longer answers"
        return f"the model reads and writes {self._opened.model.context:,} tokens at once, and they are full"

    def _system(self, text: str) -> None:
        """TEXT: set the system prompt; without TEXT there is none."""
        self._conversation.set_system(text)
        print("(the system prompt is set)" if text else "(there is no system prompt)")

    def _temperature(self, text: str) -> None:
        """NUMBER: how freely answers are drawn; 0 takes the likeliest token always. Without NUMBER what it is."""
        if text:
            self._settings = with_temperature(self._settings, text)
        print(f"(the temperature is {self._settings.temperature:g})")

    def _save(self, text: str) -> None:
        """FILE: add the conversation to FILE, as a line of JSON that finetune.data.train reads."""
        if not text:
            raise UserError("say where to: /save FILE.jsonl")
        path = Path(text).expanduser()
        self._conversation.save(path)
        print(f"(saved to {path.resolve()})")

    def _reset(self, text: str) -> None:
        """begin a new conversation, with the same system prompt."""
        self._conversation.reset()
        print("(a new conversation)")

    def _quit(self, text: str) -> None:
        """end the conversation, as Ctrl-D does."""
        self._ended = True

    def _help(self, text: str) -> None:
        """this list."""
        for name, command in self._commands.items():
            argument, colon, what = (command.__doc__ or "").rpartition(": ")
            print(f"  {name + ' ' + argument if colon else name:<20} {what}")
        print("  Ctrl-C               end an answer; twice: the conversation")
