"""Counters in the text format of Prometheus."""

import time
from collections import Counter


class Metrics:
    """What the server has done since its start."""

    def __init__(self) -> None:
        self.started = int(time.time())
        self._answers: Counter[tuple[str, int]] = Counter()

    def count(self, path: str, status: int) -> None:
        """One more request to a route that there is, and how it was answered."""
        self._answers[path, status] += 1

    def text(self, tokens: int, texts: int) -> str:
        """
        Args:
            tokens: written since the start.
            texts: under way or waiting.
        """
        lines = [
            "# HELP lm_requests_total Requests by route and status.",
            "# TYPE lm_requests_total counter",
            *(
                f'lm_requests_total{{path="{path}",status="{status}"}} {count}'
                for (path, status), count in sorted(self._answers.items())
            ),
            "# HELP lm_generated_tokens_total Tokens written.",
            "# TYPE lm_generated_tokens_total counter",
            f"lm_generated_tokens_total {tokens}",
            "# HELP lm_texts Texts that are being written or wait.",
            "# TYPE lm_texts gauge",
            f"lm_texts {texts}",
            "# HELP lm_start_time_seconds When the server started, in seconds since 1970.",
            "# TYPE lm_start_time_seconds gauge",
            f"lm_start_time_seconds {self.started}",
        ]
        return "\n".join(lines) + "\n"
