"""Changed copies of training examples."""

from random import Random

import pytest

from pipeline.config.augmentation import AugmentationConfig
from pipeline.config.stages import FinetuneStage
from train.finetuning.augmentation import deletion, noise, swap, synonyms
from train.finetuning.augmented import augmented
from train.finetuning.label_rows import LabelledText

WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog"]


def test_swaps_keep_all_words():
    changed = swap.change(WORDS, Random(0), 0.2)
    assert changed != WORDS
    assert sorted(changed) == sorted(WORDS)
    assert swap.change(["one"], Random(0), 0.2) == ["one"]


def test_deletion_keeps_the_order_and_one_word():
    kept = deletion.change(WORDS, Random(1), 0.5)
    rest = iter(WORDS)
    assert all(word in rest for word in kept)
    assert 0 < len(kept) < len(WORDS)
    assert len(deletion.change(["a", "b"], Random(0), 0.999)) == 1


def test_noise_misspells_once():
    changed = noise.change(WORDS, Random(0), 0.999)
    assert len(changed) == len(WORDS)
    for before, after in zip(WORDS, changed, strict=True):
        assert abs(len(after) - len(before)) <= 1
        assert set(after) <= set(before)
    assert noise.change(WORDS, Random(0), 1e-9) == WORDS


def test_synonyms_are_of_another_spelling():
    pytest.importorskip("nltk")
    try:
        synonyms.check()
    except Exception as error:
        pytest.skip(str(error))
    changed = synonyms.change(WORDS, Random(0), 0.2)
    assert sum(a != b for a, b in zip(WORDS, changed, strict=True)) == 2


def test_copies_have_their_labels_and_follow_from_the_seed():
    examples = [LabelledText(" ".join(WORDS), ("x",), "second"), LabelledText("一二三四五", ("y",))]
    settings = AugmentationConfig(by=["swap", "deletion"], copies=4)
    copies = augmented(examples, settings)
    assert copies == augmented(examples[:1], settings) + augmented(examples[1:], settings)
    assert copies != augmented(examples, settings.model_copy(update={"seed": 1}))
    assert {copy.targets for copy in copies} == {("x",), ("y",)}
    assert {copy.second for copy in copies} == {"second", None}
    assert not {copy.source for copy in copies} & {example.source for example in examples}
    assert any(sorted(copy.source) == sorted("一二三四五") for copy in copies)
    assert augmented(examples, AugmentationConfig()) == []


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="known: deletion, noise, swap, synonyms"):
        FinetuneStage(
            seed=1,
            strategy={"name": "single"},
            finetune={"task": "classify", "data": {"train": "a.csv"}, "augmentation": {"by": ["nothing"]}},
        )
