"""What a worker is at, for those who look after it."""


class Activity:
    """What a process is at, in a few words: set by the work, and told with each sign of life."""

    def __init__(self) -> None:
        self.text = "setting up"

    def note(self, text: str) -> None:
        self.text = text
