"""The configuration: every experiment composes, and all mistakes are told at once."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pipeline.__main__ import CONF, options, store_defaults
from pipeline.config.models import ModelConfig
from pipeline.config.objectives import ObjectiveConfig
from pipeline.config.overrides import hydra_overrides
from pipeline.config.parsing import parse_config
from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from tests.warm.process import run_warm

EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
GROUPS = sorted(
    (group.name, option.stem)
    for group in CONF.iterdir()
    if group.is_dir() and group.name != "experiment"
    for option in group.glob("*.yaml")
)


def composed(*overrides: str) -> dict:
    store_defaults()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return OmegaConf.to_container(compose("config", overrides=list(overrides)), resolve=True)


def run_cli(*words: str) -> subprocess.CompletedProcess:
    return run_warm(os.environ, "pipeline", *words)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_composes_and_says_what_it_is(name: str) -> None:
    elsewhere = {  # runs that are not here
        "continue_sample": ["++pretrain.init=null"],
        "distill_sample": ["variant=alone"],
        "extend_vocab_zh": ["++pretrain.init=null", "++pretrain.new_rows_steps=0", "tokenizer=bpe"],
        "bert_classify": ["++finetune.init=null"],
        "own": ["++corpus.paths=[some/path]"],
    }
    data = ["++corpus.path=null"] if "wikitext" in name else elsewhere.get(name, [])
    root = parse_config(composed(f"experiment={name}", *data))
    assert root.run.name == name
    text = (CONF / "experiment" / f"{name}.yaml").read_text().splitlines()
    assert text[0] == "# @package _global_"
    assert text[1].startswith("# ")


@pytest.mark.parametrize("preset", ["limit", "one_batch", "overfit", "profile"])
@pytest.mark.parametrize("name", ["demo", "own", "llama_1b", "gpt2_124m", "t5_sample", "dpo_sample"])
def test_a_debug_preset_shortens_any_experiment(name: str, preset: str) -> None:
    """Under a name of its own, so that the links of the experiment's run stay, and with all data stages as they are."""
    data = {"t5_sample": ["++corpus.path=null"], "own": ["++corpus.paths=[some/path]"]}
    words = [*data.get(name, []), "++trainer.devices=1", "++trainer.nodes=1", "strategy=single"]
    plain, root = (
        parse_config(composed(f"experiment={name}", *words, *more)) for more in ((), (f"debug={preset}",))
    )
    assert root.run.name == f"debug_{preset}"
    steps = {"one_batch": (1, 1), "overfit": (60, 60)}.get(preset, (8, 4))
    assert (root.trainer.steps, root.finetune.trainer.steps) == steps
    assert root.evaluate.max_examples == 4
    assert (root.data.first, root.trainer.profile) == (
        4 if preset == "overfit" else None,
        [4, 7] if preset == "profile" else None,
    )
    assert root.trainer.global_batch == {"overfit": 4, "profile": 16}.get(preset, 8), (
        "or profile would reuse limit's"
    )
    for section in ("corpus", "clean", "tokenizer", "shards", "model", "optim"):
        assert getattr(root, section) == getattr(plain, section)


@pytest.mark.parametrize(("group", "option"), GROUPS)
def test_every_choice_of_every_group_is_valid(group: str, option: str) -> None:
    of_experiment = ["experiment=compare_objectives"] if group in ("variant", "downstream") else []
    values = composed(*of_experiment, f"{group}={option}", *objective_for(group, option))
    for section in values.values():
        if isinstance(section, dict):
            fill_required(section)
    if values["pretrain"]["distill"]:
        values["pretrain"]["distill"] = None  # of a run that is not here
    if group == "model" and option == "hf":
        values["model"]["path"] = "folder"
    if (group, option) == ("corpus", "mixture"):
        values["corpus"]["parts"] = {"wiki": {"kind": "wikipedia"}}
    if (group, option) == ("finetune", "multi"):
        parts = {"mood": "classify", "names": "tag"}
        values["finetune"]["data"]["train"] = None
        values["finetune"]["parts"] = {name: {"task": t, "data": {"train": "a"}} for name, t in parts.items()}
    if group == "tokenizer" and option == "pretrained":
        values["tokenizer"]["path"] = "folder"
    if option in ("ddp", "zero1", "zero2", "zero3"):
        values["optim"]["name"] = "adamw"
    parse_config(values)


def objective_for(group: str, option: str) -> list[str]:
    """The choice of an objective that such a model can learn."""
    if group != "model":
        return []
    family = ModelConfig.choices()[composed(f"model={option}")["model"]["family"]]
    fitting = [name for name, one in ObjectiveConfig.choices().items() if one.reading == family.readings[0]]
    return [f"objective={fitting[0]}"]


def fill_required(section: dict) -> None:
    for key, value in section.items():
        if value == "???" or (key == "paths" and not value):
            section[key] = ["some/path"] if key == "paths" else "some/path"
        elif isinstance(value, dict):
            fill_required(value)


def test_three_mistakes_are_told_at_once_with_the_nearest_key() -> None:
    result = run_cli("optim.lrr=1", "trainer.steps=-5", "strategy.name=zero9")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "3 problems" in result.stderr
    assert "did you mean optim.lr?" in result.stderr
    assert "trainer.steps=-5" in result.stderr
    assert "'zero1'" in result.stderr


def test_a_number_is_no_text_but_may_name_a_column() -> None:
    fields = ("++finetune.data.prompt_field=1", "++finetune.data.response_field=2")
    assert parse_config(composed(*fields)).finetune.data.response_field == "2"
    with pytest.raises(UserError, match=r"run\.name=2024: input should be a text; write '2024', with quotes"):
        parse_config(composed("++run.name=2024"))


def test_the_names_of_other_programs_are_understood() -> None:
    words = [
        "+trainer.batch_size=16",
        "+optim.learning_rate=1",
        "+model.d_model=8",
        "+trainer.learning_rate=1",
    ]
    with pytest.raises(UserError) as told:
        parse_config(composed(*words))
    message = str(told.value)
    assert (
        "trainer.batch_size: no such key; did you mean trainer.global_batch or trainer.micro_batch?"
        in message
    )
    assert "optim.learning_rate: no such key; did you mean optim.lr?" in message
    assert "trainer.learning_rate: no such key; did you mean optim.lr?" in message
    assert "model.d_model: no such key; did you mean model.hidden?" in message


def test_what_a_value_should_be_is_shown() -> None:
    with pytest.raises(UserError) as told:
        parse_config(composed("corpus=files", "++corpus.paths=notes", "++trainer.compile=ja"))
    assert "corpus.paths=notes: input should be a list: corpus.paths=[notes]" in str(told.value)
    assert "trainer.compile=ja: input should be true or false" in str(told.value)
    with pytest.raises(UserError, match=r"run\.name='小文' must begin with a letter of A to Z or a digit"):
        parse_config(composed("++run.name='小文'"))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("我的模型", "no spaces either; for example my_model"),
        ("我的zh 2", "no spaces either; for example zh_2"),
        ("zh１", "no spaces either; there is a full-width １ here; type the ASCII 1"),
    ],
)
def test_a_name_that_cannot_be_a_run_s_is_told_with_one_that_can(name: str, told: str) -> None:
    with pytest.raises(UserError) as error:
        parse_config(composed(f"++run.name='{name}'"))
    assert str(error.value).endswith(told)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("trainer.steps=一百", "trainer.steps='一百': input should be a whole number, written in digits"),
        ("optim.lr=small", "optim.lr='small': input should be a number, written in digits"),
    ],
)
def test_what_is_no_number_is_told_in_words(setting: str, told: str) -> None:
    key, _, value = setting.partition("=")
    with pytest.raises(UserError, match=re.escape(told)):
        parse_config(composed(f'++{key}="{value}"'))


def test_full_width_letters_are_named_where_ascii_is_meant() -> None:
    given = {
        "corpus.paths": "【../x】",
        "trainer.steps": "６０",
        "trainer.compile": "true，",
    }
    with pytest.raises(UserError) as told:
        parse_config(composed("corpus=files", *(f'++{key}="{value}"' for key, value in given.items())))
    for line in (
        "corpus.paths=【../x】: there are full-width 【 】 here; type the ASCII [ ]",
        "trainer.steps=６０: there are full-width ６ ０ here; type the ASCII 6 0",
        "trainer.compile=true，: settings are separated by spaces, without commas between them: trainer.compile=true",
    ):
        assert line in str(told.value)
    with pytest.raises(UserError, match=r"input should be a list: evaluate\.prompts=\[你好，世界\]"):
        parse_config(composed('++evaluate.prompts="你好，世界"'))


def test_a_path_with_a_space_that_is_no_list_is_told_as_a_list_in_quotes() -> None:
    with pytest.raises(UserError, match=r"input should be a list: 'corpus\.paths=\[my notes\]'"):
        parse_config(composed("corpus=files", "++corpus.paths=my notes"))


def test_what_a_run_of_the_name_read_is_told_by_its_command(tmp_path: Path) -> None:
    run = tmp_path / "zhongwen"
    run.mkdir()
    command = (
        "python -m pipeline experiment=own stage=pretrain 'corpus.paths=[my notes]' run.name=zhongwen seed=9"
    )
    (run / "config.yaml").write_text(json.dumps({"run": {"command": command}}))
    words = ["experiment=own", "++stage=report", f"++run.runs={tmp_path}"]
    with pytest.raises(UserError) as told:
        parse_config(composed(*words, "++run.name=zhongwen"))
    made = """make all EXP=own ARGS="'corpus.paths=[my notes]' seed=9 run.name=zhongwen\""""
    assert f"corpus.paths=[FOLDER]. The run zhongwen was made by: {made}" in str(told.value)
    with pytest.raises(UserError) as told:
        parse_config(composed(*words, "++run.name=another"))
    assert "was made" not in str(told.value)


def test_an_empty_folder_is_called_empty_with_the_endings_that_are_read(tmp_path: Path) -> None:
    (tmp_path / ".hidden.txt").write_text("a")
    words = [f"++corpus.paths=[{tmp_path}]", "++trainer.compile=ja"]
    with pytest.raises(UserError) as told:
        parse_config(composed("corpus=files", *words))
    text = str(told.value)
    assert f"corpus.paths: the folder {tmp_path} is empty (hidden files do not count)" in text
    assert all(f" {ending} " in text for ending in (".docx", ".jsonl", ".txt", ".xml.bz2"))
    assert "trainer.compile" in text


def test_own_text_has_to_be_named_where_it_is_read() -> None:
    with pytest.raises(
        UserError, match=r"corpus\.paths is missing: say what is to be read, corpus\.paths=\[FOLDER\]"
    ):
        parse_config(composed("experiment=own"))
    part = "++corpus.parts={a: {kind: files}}"
    with pytest.raises(UserError, match=r"corpus\.parts\.a\.paths is missing"):
        parse_config(composed("corpus=mixture", part))
    init = "++finetune.init='artifact://pretrain/model'"  # what the stage looks up itself
    tuned = composed("experiment=own", "finetune=instruct", init, "++finetune.data.train=talks.jsonl")
    assert not parse_config(tuned).reads_corpus


def test_texts_are_utf8() -> None:
    """Else a stage ends where it first writes one to a file."""
    values = composed()
    values["evaluate"]["prompts"] = ["The", "caf\udcff"]
    with pytest.raises(UserError, match=r"evaluate\.prompts=\['The', 'caf\\udcff'\] is not UTF-8"):
        parse_config(values)


def test_contradictions_are_told_together_with_wrong_values() -> None:
    values = composed("++trainer.steps=-5", "++model.heads=5", "++optim.lrr=1")
    with pytest.raises(UserError) as caught:
        parse_config(values)
    for part in ("3 problems", "heads=5 must divide hidden=192", "trainer.steps=-5", "optim.lr?"):
        assert part in str(caught.value)


def test_which_weights_are_exported_is_said_once() -> None:
    with pytest.raises(UserError) as caught:
        parse_config(composed("++export.step=5", "++export.weights=best", "++export.average_last=3"))
    for part in (
        "2 problems",
        "step=5 and weights=best each say",
        "average_last=3 is of use for weights=average",
    ):
        assert part in str(caught.value)
    with pytest.raises(UserError, match=r"of a fine-tuned model, .* say how many: export.average_last=2"):
        parse_config(composed("experiment=demo", "++export.weights=average"))


def test_how_checkpoints_are_kept_counts_where_they_are_exported() -> None:
    demo, sparse = composed("experiment=demo"), ("++trainer.keep_last=9", "++finetune.trainer.keep_last=9")
    assert parse_config(demo).kept_checkpoints is None
    best = [
        parse_config(composed("experiment=demo", "++export.weights=best", *words)) for words in ((), sparse)
    ]
    assert best[0].kept_checkpoints != best[1].kept_checkpoints


def test_parts_of_a_mixture_are_told_at_once() -> None:
    values = composed("corpus=mixture", "++corpus.parts={a: {kind: python_docs}, b: {kind: python_docs}}")
    values["data"]["phases"] = [{"until": 0.5, "weights": {"a": 1, "c": 1}}, {"weights": {"d": 1}}]
    with pytest.raises(UserError, match=r"data names c, d, no part of this corpus; its parts are a, b"):
        parse_config(values)
    with pytest.raises(UserError, match=r"data names wiki, .*; only corpus=mixture has parts"):
        parse_config(composed("++data.weights.wiki=1"))
    values["corpus"]["parts"] = {"a": {"paths": ["x"]}, "b": {"kind": "wiki"}, "My-Wiki": {"kind": "files"}}
    with pytest.raises(UserError) as caught:
        parse_config(values)
    for part in (
        "parts.a.kind is missing",
        "parts.b.kind='wiki': input should be one of 'common_crawl', 'files'",
    ):
        assert part in str(caught.value)


def test_a_special_token_is_never_empty() -> None:
    with pytest.raises(UserError, match=r"tokenizer: special_tokens must not .* hold an empty text"):
        parse_config(composed("++tokenizer.special_tokens=['']"))
    with pytest.raises(UserError, match="tokenizer: unk_token must not be empty"):
        parse_config(composed("tokenizer=char", "++tokenizer.unk_token=''"))


def test_bounds_that_no_document_can_keep_are_refused() -> None:
    with pytest.raises(UserError) as caught:
        parse_config(
            composed("++clean.filters.max_chars=100", "++clean.filters.gopher_quality={max_words: 9}")
        )
    for part in (
        "clean.filters.min_chars=200 is above max_chars=100",
        "gopher_quality.min_words=50 is above",
    ):
        assert part in str(caught.value)


def test_an_unknown_choice_lists_those_there_are() -> None:
    result = run_cli("strategy=zero9")
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert "ddp" in result.stderr


@pytest.mark.parametrize("kind", [{"a": 1}, [1], None])
def test_a_kind_that_is_no_text_is_told_with_the_kinds_there_are(kind: object) -> None:
    values = composed()
    values["optim"]["name"] = kind
    with pytest.raises(UserError, match=r"optim\.name=.*should be one of 'adamw', 'muon'"):
        parse_config(values)


@pytest.mark.parametrize("value", ["inf", "-inf", "nan"])
def test_numbers_are_finite(value: str) -> None:
    """JSON has no others, so that a setting would come back as none at all where it is kept."""
    values = composed()
    values["optim"]["betas"], values["clean"]["filters"]["min_chars"] = [0.9, float(value)], 1
    values["evaluate"]["decode"]["temperature"] = float(value)
    with pytest.raises(
        UserError, match=r"2 problems[^$]*temperature=-?(inf|nan): input should be a finite number"
    ):
        parse_config(values)


def test_an_unknown_stage_is_an_error_that_lists_the_stages() -> None:
    result = run_cli("stage=pretrian")
    assert result.returncode == 2
    assert "pretrain" in result.stderr


def test_impossible_batch_names_the_nearest_possible_ones() -> None:
    values = composed(
        "strategy=ddp",
        "optim=adamw",
        "++trainer.devices=2",
        "++trainer.global_batch=12",
        "++trainer.micro_batch=5",
    )
    with pytest.raises(UserError, match="nearest: 3 or 6"):
        parse_config(values)


def test_sequence_longer_than_the_context_is_refused() -> None:
    with pytest.raises(UserError, match=r"sequence_length=4096 is longer than model.context=128"):
        parse_config(composed("++trainer.sequence_length=4096"))


def test_a_file_that_cannot_be_scored_is_told_before_the_training() -> None:
    with pytest.raises(
        UserError, match=r"evaluate.perplexity.files=a.pdf: no text is read from files of this"
    ):
        parse_config(composed("evaluate.perplexity.files=[a.pdf,texts/*.txt,wiki.test.tokens,folder]"))


def test_files_of_examples_are_one_a_list_or_a_map_with_weights() -> None:
    def read(value: str) -> object:
        words = ["finetune=instruct", f"finetune.data.train={value}"]
        return parse_config(composed(*hydra_overrides(words, options))).finetune.data.train

    assert read("a.jsonl") == {"a.jsonl": 1}
    assert read("[a.jsonl,b.jsonl]") == {"a.jsonl": 1, "b.jsonl": 1}
    assert read("{a.jsonl:1,b.jsonl:2.5}") == {"a.jsonl": 1, "b.jsonl": 2.5}
    assert read("hub://owner/name:config@main#train") == {"hub://owner/name:config@main#train": 1}
    with pytest.raises(
        UserError, match=r"'hub://owner/name' is no address of a data set; write hub://owner/name#"
    ):
        read("hub://owner/name")
    with pytest.raises(UserError, match=r"finetune.data.train.a=0: input should be greater than 0"):
        read("{a:0}")


def test_examples_that_nobody_named_are_missing_and_no_file() -> None:
    with pytest.raises(UserError, match=r"finetune\.data\.train is missing: this choice needs a value"):
        parse_config(composed("experiment=own", "corpus=python_docs", "finetune=instruct"))


def test_evaluation_files_that_are_compared_with_the_corpus() -> None:
    scored = "evaluate.perplexity.files=[wiki.test.tokens,b.txt]"
    words = [scored, "finetune.data.train=d.jsonl", "finetune.data.test=artifact://download/e.jsonl"]

    def files(*more: str) -> list[str]:
        return parse_config(composed(*words, *more)).evaluation_files

    # By default only what would be dropped: or to score one more text would make the corpus anew.
    assert files("finetune.task=instruct") == []
    assert files("corpus=wikipedia", "finetune.task=instruct") == ["wiki.test.tokens"]
    assert files("clean.contamination.files=[c.jsonl]") == ["c.jsonl"]
    every = ["wiki.test.tokens", "b.txt"]
    assert files("clean.contamination.action=drop", "finetune.task=none") == every
    every.append("artifact://download/e.jsonl")
    assert files("clean.contamination.action=report", "finetune.task=instruct") == every
    assert files("clean.contamination.action=off", "finetune.task=instruct") == []


def test_every_field_is_documented_or_self_explaining() -> None:
    """Sections carry a docstring, and every default passes its own check."""
    for name, field in RootConfig.model_fields.items():
        if hasattr(field.annotation, "model_fields"):
            assert field.annotation.__doc__, name


def test_help_answers_without_importing_torch() -> None:
    code = (
        "import sys; import pipeline.__main__; sys.exit('torch' in sys.modules or 'datasets' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(CONF).parent).returncode == 0


def test_a_part_of_fine_tunings_settings_leaves_the_rest_at_its_own_defaults() -> None:
    """They are others than the same sections have in pretraining."""
    words = ["finetune=instruct", "finetune.data.train=notes.jsonl"]
    config = parse_config(
        composed(
            *words,
            "++finetune.optim.lr=0.001",
            "++finetune.trainer.log_every=1",
            "++finetune.schedule.warmup=0",
        )
    ).finetune
    assert (config.optim.name, config.optim.lr, config.optim.weight_decay) == ("adamw", 0.001, 0.01)
    assert (config.schedule.name, config.schedule.warmup, config.schedule.min_ratio) == ("linear", 0, 0)
    assert config.trainer.global_batch == 16
    other = parse_config(composed(*words, "++finetune.optim={name: muon, muon_lr: 0.02}")).finetune.optim
    assert (other.name, other.weight_decay) == ("muon", 0.1)
