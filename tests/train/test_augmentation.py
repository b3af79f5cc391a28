"""Changed copies of training examples."""

import json
from random import Random

import pytest

from pipeline.config.augmentation import AugmentationConfig
from pipeline.config.stages import FinetuneStage
from pipeline.errors import UserError
from train.finetuning.augmentation import deletion, neighbours, noise, swap, synonyms
from train.finetuning.augmented import augmented, check_augmentation
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
    with pytest.raises(ValueError, match="known: deletion, neighbours, noise, paraphrases, swap, synonyms"):
        FinetuneStage(
            seed=1,
            strategy={"name": "single"},
            finetune={"task": "classify", "data": {"train": "a.csv"}, "augmentation": {"by": ["nothing"]}},
        )


@pytest.fixture
def vectors(tmp_path):
    """Animals, colours and a number that is like none of them, as gensim writes vectors."""
    rows = {
        "fox": "1 0.1 0",
        "dog": "1 0 0",
        "Dog": "1 0 0.01",
        "wolf": "0.9 0.2 0",
        "brown": "0 1 0",
        "red": "0.1 1 0",
        "nine": "0 0 1",
    }
    path = tmp_path / "vectors.txt"
    lines = [f"{len(rows)} 3", *(f"{word} {numbers}" for word, numbers in rows.items())]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_neighbours_are_words_of_like_vectors(vectors):
    way = neighbours.prepare(AugmentationConfig(by=["neighbours"], vectors=vectors))
    changed = way.change(WORDS, Random(0), 0.9)
    places = [place for place, word in enumerate(WORDS) if changed[place] != word]
    assert [WORDS[place] for place in places] == ["brown", "fox", "dog"], "the others have no vector"
    assert changed[2] == "red"
    assert changed[3] in ("dog", "Dog", "wolf")
    assert changed[8] in ("fox", "wolf"), "a word in another case is the same word"
    assert sum(a != b for a, b in zip(WORDS, way.change(WORDS, Random(0), 0.1), strict=True)) == 1
    assert way.change(["nine"], Random(0), 0.9) == ["nine"], "what is nearest is not near"


def test_copies_by_neighbours_need_a_file_of_vectors(vectors, tmp_path):
    examples = [LabelledText(" ".join(WORDS), ("x",))]
    (copy,) = augmented(examples, AugmentationConfig(by=["neighbours"], vectors=vectors))
    assert copy.source != examples[0].source
    assert "needs word vectors" in AugmentationConfig(by=["neighbours"]).problems()[0]
    (tmp_path / "none.txt").write_text("a text\n")
    with pytest.raises(UserError, match="no file of word2vec's"):
        check_augmentation(AugmentationConfig(by=["neighbours"], vectors=str(tmp_path / "none.txt")))
    with pytest.raises(UserError, match="name a file of word2vec"):
        check_augmentation(AugmentationConfig(by=["neighbours"], vectors=str(tmp_path / "gone")))


def test_paraphrases_replace_a_text_as_a_whole(tmp_path):
    path = tmp_path / "paraphrases.jsonl"
    rows = {"the quick  fox": ["a fast fox", "a swift fox", " "], "一二三": ["三二一"]}
    path.write_text("".join(json.dumps({"text": t, "paraphrases": p}) + "\n" for t, p in rows.items()))
    settings = AugmentationConfig(by=["paraphrases"], paraphrases=str(path), copies=12)
    examples = [LabelledText(text, ("x",)) for text in ("the quick fox", "一二三", "another text")]
    copies = augmented(examples, settings)
    assert copies == augmented(examples, settings)
    assert {copy.source for copy in copies} == {"a fast fox", "a swift fox", "三二一"}, (
        "none of what has none"
    )
    assert len(copies) == 24
    assert "back_translate" in AugmentationConfig(by=["paraphrases"]).problems()[0]
    path.write_text('{"text": "a", "paraphrases": "b"}\n')
    with pytest.raises(UserError, match="line 1: a row must be"):
        check_augmentation(settings)
    with pytest.raises(UserError, match="back_translate makes one"):
        check_augmentation(settings.model_copy(update={"paraphrases": str(tmp_path / "gone")}))
