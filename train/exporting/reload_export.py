"""Loads an exported folder as a stranger would: `python -I reload_export.py FOLDER WORK`.

Run in a process of its own: nothing of this project is imported, nor can it be. Reads `request.json`
in WORK; writes `reply.json` and `logits.npy` there.
"""

import json
import sys
from pathlib import Path
from typing import Any

# None makes an import fail, also where an editable installation has put this project on the path.
modules: dict[str, Any] = sys.modules
for package in ("pipeline", "data_prep", "train", "eval"):
    modules[package] = None

import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402


def main(folder: Path, work: Path) -> None:
    request = json.loads((work / "request.json").read_text(encoding="utf-8"))
    torch.set_num_threads(request["threads"])
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    assert tokenizer is not None  # as it is of some architectures without one: an export has its own
    auto_class = getattr(transformers, request["auto_class"])
    model, loading = auto_class.from_pretrained(folder, output_loading_info=True, trust_remote_code=False)
    model.eval()
    problems = {kind: sorted(map(str, names)) for kind, names in loading.items() if names}
    with torch.inference_mode():
        given = {name: torch.tensor(rows) for name, rows in request["inputs"].items()}
        logits = getattr(model(**given), request["output"])
        np.save(work / "logits.npy", logits.float().numpy())
        continuation: list[int] = []
        if prompt := request["prompt"]:
            ids = torch.tensor([prompt])
            options = {"do_sample": False, "max_new_tokens": request["new_tokens"]}
            # The tokenizer is asked for where the generation config has texts that end an answer.
            generated = model.generate(
                ids, attention_mask=torch.ones_like(ids), tokenizer=tokenizer, **options
            )
            # An encoder–decoder gives the token that its decoder starts with, and no prompt.
            before = 1 if model.config.is_encoder_decoder else len(prompt)
            continuation = generated[0, before:].tolist()
    chat_ids = None
    if request["question"] is not None:
        turn = [{"role": "user", "content": request["question"]}]
        chat_ids = tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_dict=False)
    reply = {
        "class": type(model).__name__,
        "loading_problems": problems,
        "token_ids": tokenizer(request["texts"], add_special_tokens=False).input_ids,
        "chat_ids": chat_ids,
        "continuation": continuation,
    }
    (work / "reply.json").write_text(json.dumps(reply), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
