"""Texts translated there and back by two models."""

import json
from pathlib import Path

import pytest
import torch
import transformers

from inference.back_translate import main
from tests.e2e.test_masked import small_tokenizer


@pytest.fixture
def pair(tmp_path: Path) -> list[str]:
    """Two encoder–decoders with small random weights, in Hugging Face folders."""
    for number, name in enumerate(("there", "back")):
        torch.manual_seed(number)
        tokenizer = small_tokenizer()
        tokenizer.eos_token = "[SEP]"
        config = transformers.T5Config(
            vocab_size=len(tokenizer), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, pad_token_id=0,
            eos_token_id=3, decoder_start_token_id=0, initializer_factor=5.0,
        )  # fmt: skip
        transformers.T5ForConditionalGeneration(config).save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
    return [f"there={tmp_path / 'there'}", f"back={tmp_path / 'back'}", "max_new_tokens=6"]


def test_each_text_is_translated_once_and_stored(pair: list[str], tmp_path: Path, capsys) -> None:
    train = tmp_path / "train.csv"
    train.write_text("text,label\nfine film,good\nbad film,bad\nfine film,good\n")
    drawn = [*pair, "method=sample", "count=2", "temperature=1"]
    main([str(train), *drawn])
    out = Path(f"{train}.paraphrases.jsonl")
    assert capsys.readouterr().out.strip() == str(out)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["text"] for row in rows] == ["fine film", "bad film"]
    assert all(len(row["paraphrases"]) == 2 for row in rows)
    assert len({text for row in rows for text in row["paraphrases"]}) > 2, (
        "others each time, and of each text"
    )
    main([str(train), *drawn, f"out={tmp_path / 'again'}"])
    assert (tmp_path / "again").read_text() == out.read_text()
    for words, told in (
        (pair, "is there already"),
        ([*pair[1:], "count=2"], "there=MODEL back=MODEL; count above 1 needs method=sample"),
        ([*pair, "field=sentence", "out=other"], "holds no texts as 'sentence'"),
        (["there=nothing", *pair[1:], "out=other"], "nothing"),
    ):
        with pytest.raises(SystemExit):
            main([str(train), *words])
        assert told in capsys.readouterr().err
