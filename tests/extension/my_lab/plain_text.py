"""How the task writes prompt and response."""

from train.finetuning.chat import PromptFormat


class PlainText(PromptFormat):
    template = "{source}"

    def _prompt(self, source: str) -> str:
        return source

    def _response(self, source: str, target: str) -> str:
        return target + self.tokenizer.eos_token
