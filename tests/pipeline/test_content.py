"""Files that the configuration names enter fingerprints by their content: all that are read, and no others."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import stages
from pipeline.config.base import Section, content_mark
from pipeline.config.choices import Choice
from pipeline.config.stages import DownloadStage, FinetuneStage, PretrainStage, TokenizerStage
from pipeline.errors import UserError
from pipeline.fingerprint import FileHashes, fingerprint
from pipeline.formats.model_folder import model_files, tokenizer_files
from pipeline.store import file_hashes
from pipeline.store.file_hashes import HashMemory
from tests.command_line import OWN, run_pipeline

PATH_LIKE = re.compile(r"(^|_)(path|paths|files?|folders?|dir|init|checkpoint|deepspeed)$", re.IGNORECASE)
SAYS_PATH = re.compile(r"\b(path|folder)s?\b", re.IGNORECASE)
NO_PATHS = {
    "FilesCorpus.format": "the name of a format, or of one of a plugin, whose code enters",
    "HuggingFaceConfig.config": "the fields of an architecture, from which no file is read",
    "PythonDocsCorpus.packages": "names of packages, whose versions enter",
    "TrainerConfig.callbacks": "names of modules of plugins, whose code enters",
}


def sections_below(annotation: Any, seen: set[type[Section]]) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section) and annotation not in seen:
        seen.add(annotation)
        yield annotation
        for field in annotation.model_fields.values():
            yield from sections_below(field.annotation, seen)
        if issubclass(annotation, Choice):
            for choice in annotation.choices().values():
                yield from sections_below(choice, seen)
    for part in getattr(annotation, "__args__", ()):
        yield from sections_below(part, seen)


def takes_any_text(annotation: Any) -> bool:
    """Whether a value may be, or hold, a text that is not one of a few choices."""
    return annotation in (str, Any) or any(map(takes_any_text, getattr(annotation, "__args__", ())))


def test_every_path_in_a_stages_configuration_is_marked() -> None:
    seen: set[type[Section]] = set()
    sections = [each for stage in stages.STAGES.values() for each in sections_below(stage.config, seen)]
    marked, unmarked = set(), set()
    for section in sections:
        for name, field in section.model_fields.items():
            is_section = any(sections_below(field.annotation, set()))
            takes_text = takes_any_text(field.annotation) and not is_section
            says = SAYS_PATH.search(field.description or "")
            if takes_text and (PATH_LIKE.search(name) or says):
                (marked if content_mark(field) else unmarked).add(f"{section.__name__}.{name}")
    assert not unmarked - set(NO_PATHS), "name files by a field marked with Content (pipeline/config/base.py)"
    assert {
        "HuggingFaceConfig.path",
        "HubCorpus.path",
        "Zero1Strategy.deepspeed",
        "FinetuneConfig.init",
        "PretrainConfig.init",
    } <= marked


def pretrain_on(model: dict, strategy: dict | None = None, init: str | None = None) -> PretrainStage:
    return PretrainStage(
        seed=1,
        pretrain={"init": init},
        data={},
        model=model,
        objective={"name": "causal"},
        optim={"name": "adamw"},
        schedule={"name": "cosine"},
        trainer={"steps": 1},
        strategy=strategy or {"name": "single"},
    )


def finetune_from(folder: str) -> FinetuneStage:
    return FinetuneStage(seed=1, finetune={"task": "instruct", "init": folder}, strategy={"name": "single"})


FOLDERS: dict[str, Callable[[str], Section]] = {
    "model.path": lambda folder: pretrain_on({"family": "hf", "path": folder}),
    "pretrain.init": lambda folder: pretrain_on({"family": "decoder"}, init=folder),
    "finetune.init": finetune_from,
    "tokenizer.path": lambda folder: TokenizerStage(tokenizer={"kind": "pretrained", "path": folder}),
    "corpus.path of a hub's data set": lambda folder: DownloadStage(corpus={"kind": "hub", "path": folder}),
    "corpus.path of WikiText": lambda folder: DownloadStage(corpus={"kind": "wikitext", "path": folder}),
}
READ = {
    "model.path": ("config.json", "model.safetensors"),
    "pretrain.init": ("config.json", "model.safetensors"),
    "finetune.init": ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
    "tokenizer.path": ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"),
    "corpus.path of a hub's data set": ("data/train.jsonl",),
    "corpus.path of WikiText": ("wiki.train.raw", "wiki.test.tokens"),
}
NOT_READ = {
    "model.path": ("README.md", "tokenizer.json", "pytorch_model.bin", "checkpoint-5/model.safetensors"),
    "pretrain.init": ("README.md", "tokenizer.json", "pytorch_model.bin"),
    "finetune.init": ("README.md", "pytorch_model.bin", "original/consolidated.00.pth"),
    "tokenizer.path": ("model.safetensors", "README.md", "config.json"),
    "corpus.path of a hub's data set": (),
    "corpus.path of WikiText": ("README.md",),
}


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


@pytest.mark.parametrize("setting", FOLDERS)
def test_of_a_folder_what_is_read_counts_and_nothing_else(tmp_path: Path, setting: str) -> None:
    def of(folder: str) -> str:
        config = FOLDERS[setting](str(tmp_path / folder))
        return fingerprint("stage", 1, config, {}, FileHashes(tmp_path / "hashes.json"))

    for folder in ("here", "there"):
        for name in (*READ[setting], *NOT_READ[setting]):
            write(tmp_path / folder / name, "{}")
    before = of("here")
    assert of("there") == before, "where a folder lies does not count"
    for name in NOT_READ[setting]:
        write(tmp_path / "here" / name, "changed")
        assert of("here") == before, name
    for name in READ[setting]:
        write(tmp_path / "here" / name, '{"changed": 1}')
        assert of("here") != before, name
        before = of("here")


def test_shards_of_weights_count(tmp_path: Path) -> None:
    write(
        tmp_path / "model.safetensors.index.json",
        '{"weight_map": {"a": "x-1.safetensors", "b": "x-2.safetensors"}}',
    )
    for name in ("x-1.safetensors", "x-2.safetensors", "left.safetensors"):
        write(tmp_path / name, name)
    names = [path.name for path in model_files(tmp_path)]
    assert names == ["model.safetensors.index.json", "x-1.safetensors", "x-2.safetensors"]


def test_a_name_on_the_hub_counts_as_it_is(tmp_path: Path) -> None:
    hashes = FileHashes(tmp_path / "hashes.json")
    prints = [
        fingerprint("pretrain", 1, pretrain_on({"family": "hf", "path": name}), {}, hashes)
        for name in ("openai-community/gpt2", "openai-community/gpt2-medium")
    ]
    assert prints[0] != prints[1]


def test_what_could_be_downloaded_instead_is_told_where_a_folder_is_absent(tmp_path: Path) -> None:
    stage = DownloadStage.model_validate({"corpus": {"kind": "wikitext", "path": str(tmp_path / "none")}})
    with pytest.raises(UserError, match=r"no file at .*; or download it: corpus\.path=null"):
        fingerprint("download", 1, stage, {}, FileHashes(tmp_path / "cache"))


def test_the_setting_is_named_whose_path_leads_nowhere(tmp_path: Path) -> None:
    hashes = FileHashes(tmp_path / "hashes.json")
    stage = DownloadStage.model_validate({"corpus": {"kind": "files", "paths": [str(tmp_path / "none")]}})
    with pytest.raises(UserError, match=r"^corpus\.paths: no file at "):
        fingerprint("download", 1, stage, {}, hashes)
    neutral = pretrain_on({"family": "decoder"}, {"name": "zero1", "deepspeed": str(tmp_path / "none.json")})
    with pytest.raises(UserError, match=r"^strategy\.deepspeed: no file at "):
        fingerprint("pretrain", 1, neutral, {}, hashes)


def test_a_file_of_deepspeeds_counts_although_the_strategy_does_not(tmp_path: Path) -> None:
    def of(strategy: dict) -> str:
        config = pretrain_on({"family": "decoder"}, strategy)
        return fingerprint("pretrain", 1, config, {}, FileHashes(tmp_path / "hashes.json"))

    path = tmp_path / "zero.json"
    assert of({"name": "zero1"}) == of({"name": "ddp"})
    prints = [of({"name": "ddp"})]
    for content in ('{"fp16": {"enabled": false}}', '{"fp16": {"enabled": true}}'):
        path.write_text(content)
        prints.append(of({"name": "zero1", "deepspeed": str(path)}))
    assert len(set(prints)) == 3


def test_what_transformers_opens_in_a_folder_counts(tmp_path: Path, chat_folder: Path) -> None:
    """Seen by the interpreter's audit of every file that is opened, in a process of its own."""
    code = f"""
import sys
from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerFast
folder, opened = {str(chat_folder)!r}, set()
sys.addaudithook(lambda event, a: opened.add(a[0]) if event == "open" and str(a[0]).startswith(folder) else None)
AutoConfig.from_pretrained(folder)
AutoTokenizer.from_pretrained(folder, local_files_only=True)
PreTrainedTokenizerFast.from_pretrained(folder)
print(*(str(path)[len(folder) + 1:] for path in opened), file=sys.stderr, sep="\\n")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    opened = {line for line in done.stderr.splitlines() if (chat_folder / line).is_file()}
    assert {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "config.json"} <= opened
    counted = {path.name for path in (*tokenizer_files(chat_folder), *model_files(chat_folder))}
    assert opened <= counted


@pytest.fixture
def chat_folder(tmp_path: Path, tokenizer: Any) -> Path:
    """A model's folder without weights, with all the small files that there are."""
    folder = tmp_path / "chat"
    tokenizer.save_pretrained(folder)
    write(folder / "config.json", '{"model_type": "llama", "vocab_size": 261}')
    write(folder / "chat_template.jinja", "{{ messages }}")
    for name in ("special_tokens_map.json", "added_tokens.json", "generation_config.json", "README.md"):
        write(folder / name, "{}")
    return folder


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are remembered at once."""
    monkeypatch.setattr(file_hashes, "SETTLED_NS", -1)


def test_a_file_with_its_old_size_and_time_is_seen_to_have_changed(tmp_path: Path, settled: None) -> None:
    path = tmp_path / "text.txt"
    path.write_text("before")
    stat = path.stat()
    memory = HashMemory(tmp_path / "hashes.json")
    first = memory.sha256(path)
    memory.save()
    path.write_text("after!")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as `cp -p`, `rsync -t` and `tar` do
    assert HashMemory(tmp_path / "hashes.json").sha256(path) != first


def test_a_file_that_nobody_touched_is_read_once(tmp_path: Path, settled: None) -> None:
    path = tmp_path / "text.txt"
    path.write_text("text")
    memory = HashMemory(tmp_path / "hashes.json")
    assert not memory.knows(path, "a")
    digest = memory.sha256(path, "a")
    memory.save()
    again = HashMemory(tmp_path / "hashes.json")
    assert again.knows(path, "a")
    assert again.sha256(path, "a") == digest


def test_a_file_that_was_just_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("text")
    memory = HashMemory(tmp_path / "hashes.json")
    memory.sha256(path, "a")
    assert not memory.knows(path, "a")


def test_two_processes_keep_what_both_have_learnt(tmp_path: Path, settled: None) -> None:
    memories = [HashMemory(tmp_path / "hashes.json") for _ in range(2)]
    for memory, name in zip(memories, "ab", strict=True):
        (tmp_path / name).write_text(name)
        memory.sha256(tmp_path / name, name)
        memory.save()
    assert all(HashMemory(tmp_path / "hashes.json").knows(tmp_path / name, name) for name in "ab")


@pytest.mark.parametrize("content", ["", "[]", "null", '{"a": 1}', '{"a": []}', "\x00\x00"])
def test_a_damaged_memory_is_made_anew(tmp_path: Path, settled: None, content: str) -> None:
    (tmp_path / "hashes.json").write_text(content)
    (tmp_path / "a").write_text("a")
    memory = HashMemory(tmp_path / "hashes.json")
    assert memory.sha256(tmp_path / "a", "a") == file_hashes.hash_file(tmp_path / "a")
    memory.save()
    assert HashMemory(tmp_path / "hashes.json").knows(tmp_path / "a", "a")


def test_where_all_is_there_a_store_may_be_read_only(tmp_path: Path) -> None:
    (tmp_path / "text").mkdir()
    for number in range(200):
        (tmp_path / "text" / f"{number}.txt").write_text(
            f"Text number {number} says that the sky is blue. " * 20
        )
    words = ["stage=clean", "clean.workers=1", "clean.deduplicate.documents=none"]
    words.append(f"corpus.paths=[{tmp_path / 'text'}]")

    def run() -> subprocess.CompletedProcess:
        return run_pipeline(tmp_path, *words, base=OWN)

    first = run()
    assert first.returncode == 0, first.stdout + first.stderr
    store = tmp_path / "artifacts"
    (store / ".hashes.json").unlink(missing_ok=True)  # as where another user has built it
    bind = ["mount", "--bind", str(store), str(store)]
    if subprocess.run(bind, capture_output=True).returncode:
        pytest.skip("mounting needs root")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(store)], check=True)
        again = run()
    finally:
        subprocess.run(["umount", str(store)], check=True)
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.count("reused") == 2


def test_examples_count_by_content_order_and_weight(tmp_path: Path) -> None:
    def of(train: object) -> str:
        config = FinetuneStage(
            seed=1, finetune={"task": "instruct", "data": {"train": train}}, strategy={"name": "single"}
        )
        return fingerprint("stage", 1, config, {}, FileHashes(tmp_path / "hashes.json"))

    a, b, there = (str(tmp_path / name) for name in ("a.jsonl", "b.jsonl", "there/a.jsonl"))
    write(Path(a), "a")
    write(Path(there), "a")
    write(Path(b), "b")
    assert of(a) == of([a]) == of({a: 1}) == of(there)
    assert len({of(a), of({a: 2}), of([a, b]), of([b, a])}) == 4
    local, hub = of(f"hub://{tmp_path / 'there'}#train"), of("hub://owner/name@main#train")
    assert len({local, hub, of(f"hub://{tmp_path / 'there'}#test"), of("hub://owner/name#train")}) == 4
    write(Path(there), "changed")
    assert of(f"hub://{tmp_path / 'there'}#train") != local
