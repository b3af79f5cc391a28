"""What is wrong with preference data is told before anything runs."""

import json
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.plan import plan_stages
from pipeline.store.artifacts import Store
from tests.pipeline.test_preflight import configured, finetuned, preflight

GOOD = [{"prompt": f"Say {n}.", "chosen": f"Gladly: {n}", "rejected": f"No. {n}!"} for n in range(40)]


@pytest.fixture
def folder(tmp_path: Path, tokenizer) -> Path:
    """A small model of transformers, which reads 32 tokens."""
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1}
    config = LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=32, **sizes)
    LlamaForCausalLM(config).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def write(folder: Path, rows: list) -> str:
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_a_role_that_is_not_known(tmp_path: Path) -> None:
    bad = {"prompt": [{"role": "wizard", "content": "Hi?"}], "chosen": "a", "rejected": "b"}
    root = configured(tmp_path, *finetuned("dpo", write(tmp_path, [*GOOD, bad])))
    with pytest.raises(UserError, match=r"stage finetune would fail: .*line 41: .*role 'wizard'"):
        preflight(root).refuse_what_will_fail()


def test_one_mistake_is_told_once(tmp_path: Path, folder: Path) -> None:
    turns = [
        {"role": "assistant", "content": "Hi."},
        *({"role": r, "content": r} for r in ("user", "assistant")),
    ]
    good = [{"prompt": row["prompt"], "response": row["chosen"]} for row in GOOD]
    path = write(tmp_path, [*good, {"messages": turns}])
    root = configured(tmp_path, *finetuned("instruct", path), f"finetune.init={folder}")
    [problem] = [found for found in preflight(root).findings() if found.state == "problem"]
    assert "line 41: the conversation starts with the assistant" in problem.words


def test_pairs_that_teach_nothing_are_told(tmp_path: Path) -> None:
    same = {"prompt": "Hi?", "chosen": "a", "rejected": "a"}
    root = configured(tmp_path, *finetuned("dpo", write(tmp_path, [*GOOD, same, same])))
    checks = {found.check: found for found in preflight(root).findings()}
    assert checks["examples"].state == "fine"
    assert "2 examples are left out: their answers are the same" in checks["examples"].words
    assert (checks["lengths"].state, checks["lengths"].words) == (
        "later",
        "looked at when tokenizer is built",
    )


def test_what_does_not_fit_the_context_is_told(tmp_path: Path, folder: Path) -> None:
    long = {"prompt": "Say it, please, and not so loud.", "chosen": "Gladly.", "rejected": "No."}
    init = f"finetune.init={folder}"
    root = configured(tmp_path, *finetuned("dpo", write(tmp_path, [*GOOD, long]), init))
    [found] = [found for found in preflight(root).findings() if found.check == "lengths"]
    assert found.state == "fine"
    assert "of 3" in found.words
    assert "the prompt is too long for the model's context and lost its first turns" in found.words
    advice = (
        f"start from a model with a longer context than the 32 tokens of {init}, or leave the long ones out"
    )
    assert advice in found.words, "what to do is told of one example, too"

    many = configured(tmp_path, *finetuned("dpo", write(tmp_path, [*GOOD, *[long] * 20]), init))
    [found] = [found for found in preflight(many).findings() if found.check == "lengths"]
    assert found.state == "warning"
    assert advice in found.words

    # Nothing is pretrained, and nothing asks for the corpus.
    store = Store(Path(root.run.artifacts))
    assert [stage.stage.name for stage in plan_stages(root, store)] == [
        "finetune",
        "evaluate",
        "export",
        "report",
    ]
    files = "evaluate.perplexity.files=[artifact://clean/a.txt]"
    for word in ("evaluate.perplexity.corpus=true", files):
        root = configured(tmp_path, *finetuned("dpo", write(tmp_path, GOOD), init, word))
        assert [stage.stage.name for stage in plan_stages(root, store)][:2] == ["download", "clean"]

    rows = [{"prompt": f"{n}?", "chosen": "a" * 40 + "b", "rejected": "a" * 40 + "c"} for n in range(40)]
    root = configured(tmp_path, *finetuned("dpo", write(tmp_path, rows), init))
    with pytest.raises(UserError, match="the answers of all training examples differ only beyond the 32"):
        preflight(root).refuse_what_will_fail()
