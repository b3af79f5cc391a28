"""Which documents and paragraphs go, and because of which others."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from data_prep.dedup import Decisions, Keys, KeyWriter, clusters, decide, partitions, repeated
from data_prep.dedup.clusters import Cluster, Dropped
from data_prep.dedup.verdicts import REASONS
from pipeline.config.clean import DeduplicateConfig, NearDuplicatesConfig

NEAR = DeduplicateConfig(documents="near")
Document = tuple[str, str, bool] | tuple[str, str, bool, bool]
Decide = Callable[..., Decisions]


@pytest.fixture
def run(tmp_path: Path) -> Decide:
    """Decisions on documents given as (id, text, held out, evaluated), spread over pieces."""
    runs = 0

    def run(documents: Iterable[Document], config: DeduplicateConfig = NEAR, per_piece: int = 2) -> Decisions:
        nonlocal runs
        runs += 1
        documents = list(documents)
        folder = tmp_path / f"run-{runs}"
        starts = list(range(0, len(documents), per_piece))
        for start in reversed(starts):  # whatever the order in which pieces are done
            with KeyWriter(folder / "keys", start // per_piece, config) as keys:
                for document in documents[start : start + per_piece]:
                    keys.add(*document)
        return decide(Keys(folder / "keys", len(starts)), config, folder / "decisions")

    return run


def words(start: int, end: int) -> str:
    return " ".join(f"word{number}" for number in range(start, end))


def reasons(decisions: Decisions) -> list[str | None]:
    return [REASONS[code] for code in decisions.code]


def test_reasons_matches_and_similarities(run: Decide) -> None:
    documents = [
        ("a", words(0, 104), False),
        ("b", words(500, 700), False),
        ("c", words(0, 104).upper(), False),
        ("d", words(0, 99), False),  # 95 of 100 shingles
        ("e", words(0, 70), False),  # 66 of 100
        ("b", "another text by the same id", False),
        ("f", words(500, 690), False),
    ]
    decisions = run(documents)
    assert reasons(decisions) == [
        None,
        None,
        "duplicate",
        "near_duplicate",
        None,
        "duplicate_id",
        "near_duplicate",
    ]
    dropped = [2, 3, 5, 6]
    assert decisions.match[dropped].tolist() == [0, 0, 1, 1]
    assert decisions.similarity[dropped].tolist() == pytest.approx([1, 0.95, np.nan, 186 / 196], nan_ok=True)
    assert decisions.piece(1).reasons == ["duplicate", "near_duplicate"]


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        ("none", [None, None, "duplicate_id", None]),
        ("exact", [None, "duplicate", "duplicate_id", None]),
        ("near", [None, "duplicate", "duplicate_id", "near_duplicate"]),
    ],
)
def test_only_what_is_asked_for_goes(run: Decide, documents: str, expected: list[str | None]) -> None:
    corpus = [
        ("a", words(0, 100), False),
        ("b", words(0, 100), False),
        ("a", "other", False),
        ("c", words(0, 95), False),
    ]
    assert reasons(run(corpus, DeduplicateConfig(documents=documents))) == expected


def test_what_is_held_out_stays_and_what_resembles_it_goes(run: Decide) -> None:
    documents = [
        ("a", words(0, 100), False),
        ("b", words(200, 300), False),
        ("c", words(200, 300), True),
        ("d", words(0, 95), True),
        ("a", words(0, 100), True),  # its own ids
        ("e", words(2, 97), False),
    ]
    decisions = run(documents)
    held_out = "duplicate_of_held_out"
    assert reasons(decisions) == [held_out, held_out, None, None, None, held_out]
    assert decisions.match[[0, 1, 5]].tolist() == [4, 2, 3]


@pytest.mark.parametrize("sketch", [16, 64, 200, 512])
def test_long_documents_are_compared_by_sketches_of_any_size(run: Decide, sketch: int) -> None:
    config = DeduplicateConfig(documents="near", near=NearDuplicatesConfig(sketch=sketch))
    starts = range(0, 200_000, 5_000)
    documents = [(f"a{start}", words(start, start + 1_004), False) for start in starts]
    documents += [(f"b{start}", words(start, start + 954), False) for start in starts]  # 0.95
    documents += [(f"c{start}", words(start + 500, start + 1_504), False) for start in starts]  # 0.33
    decisions = run(documents, config, per_piece=50)
    count = len(starts)
    found = np.array(decisions.code) != 0
    assert not found[:count].any()
    assert not found[2 * count :].any()
    assert found[count : 2 * count].mean() > 0.9
    error = decisions.similarity[found] - 0.95
    assert abs(error.mean()) < 0.02
    assert abs(error).max() < 5 * (0.95 * 0.05 / sketch) ** 0.5


def test_there_are_no_chains(run: Decide) -> None:
    """Each resembles the one before; what resembles a dropped one only is kept."""
    decisions = run((str(step), words(8 * step, 8 * step + 100), False) for step in range(6))
    assert reasons(decisions) == [None, "near_duplicate"] * 3
    assert decisions.match[[1, 3, 5]].tolist() == [0, 2, 4]


def test_a_copy_of_a_dropped_document_points_to_a_kept_one(run: Decide) -> None:
    documents = [
        ("a", words(0, 100), False),
        ("b", words(0, 95), False),
        ("c", words(0, 95).title(), False),
        ("b", "other", False),
    ]
    decisions = run(documents)
    assert reasons(decisions) == [None, "near_duplicate", "near_duplicate", "duplicate_id"]
    assert decisions.match[1:].tolist() == [0, 0, 0]
    assert decisions.similarity[2] == decisions.similarity[1]


def corpus(count: int) -> list[Document]:
    """Families of documents of which some are alike, with texts of all lengths."""
    rng = np.random.default_rng(4)
    documents = []
    for number in range(count):
        family = int(rng.integers(count // 3))
        start, size = family * 10_000, 20 + family % 7 * 60
        shift = int(rng.integers(0, 1 + size // 10))
        text = words(start + shift, start + shift + size) + "\n\n" + words(family % 20, family % 20 + 15)
        documents.append((f"{number if number % 50 else 0}", text, number % 17 == 0))
    return documents


def test_pieces_and_partitions_make_no_difference(run: Decide, monkeypatch: pytest.MonkeyPatch) -> None:
    documents = corpus(400)
    units = {"paragraphs": True, "min_paragraph_chars": 50, "passages": True, "passage_words": 10}
    config = NEAR.model_copy(update=units)
    expected = run(documents, config, per_piece=400)
    assert len(set(reasons(expected))) == 5
    assert len(expected.repeated["paragraphs"]) > 20
    assert len(expected.repeated["passages"]) > 1_000
    monkeypatch.setattr(partitions, "RECORDS", 300)
    monkeypatch.setattr(partitions, "_BUFFERED", 100)
    monkeypatch.setattr(repeated, "_AT_A_TIME", 100)
    found = run(documents, config, per_piece=7)
    for name in ("code", "match", "similarity"):
        assert np.array_equal(getattr(found, name), getattr(expected, name), equal_nan=name == "similarity")
    assert found.repeated.keys() == expected.repeated.keys()
    for name, places in expected.repeated.items():
        assert np.array_equal(found.repeated[name], places)


def test_a_dropped_document_resembles_a_kept_one_and_no_kept_one_an_earlier(run: Decide) -> None:
    documents = corpus(400)
    decisions = run(documents, per_piece=100)
    sets = [_shingles(text) for _, text, *_ in documents]
    order = sorted(range(len(documents)), key=lambda number: (not documents[number][2], number))
    kept: list[int] = []
    missed = 0
    for number in order:
        if decisions.code[number] == 0:
            if not documents[number][2]:
                missed += any(_jaccard(sets[number], sets[other]) >= 0.8 for other in kept)
            kept.append(number)
        elif reasons(decisions)[number] != "duplicate_id":
            match = int(decisions.match[number])
            assert match in kept
            assert _jaccard(sets[number], sets[match]) == pytest.approx(decisions.similarity[number])
    assert missed <= 2  # 1 in 500 at 0.8 shares no band


def _shingles(text: str) -> set[tuple[str, ...]]:
    found = text.split()
    return {tuple(found[start : start + 5]) for start in range(len(found) - 4)}


def _jaccard(left: set, right: set) -> float:
    return len(left & right) / len(left | right)


def test_a_large_bucket_is_not_compared_pair_by_pair(run: Decide, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands that share all their bands, of two kinds."""
    from data_prep.dedup import near

    compared = 0
    similarities = near.similarities

    def counted(keys: Keys, left: np.ndarray, *rest) -> np.ndarray:
        nonlocal compared
        compared += len(left)
        return similarities(keys, left, *rest)

    monkeypatch.setattr(near, "similarities", counted)
    # With two bands one document of some thousands has both minima among the few shingles that are its own.
    config = DeduplicateConfig(documents="near", near=NearDuplicatesConfig(bands=4, rows=1))
    documents = [(str(number), f"{words(0, 60)} {number}", False) for number in range(3_000)]
    decisions = run(documents, config, per_piece=1_000)
    assert reasons(decisions) == [None] + ["near_duplicate"] * 2_999
    assert compared < 50 * len(documents)


def test_paragraphs_of_earlier_documents_go(run: Decide) -> None:
    first, second, third = words(0, 20), words(20, 40), words(40, 60)
    documents = [
        ("a", f"{first}\n\n{second}\n\n{first}", False),
        ("b", f"{second}\n\nshort\n\n{third}\n\n{first.upper()}", False),
        ("c", f"short\n\n{words(60, 80)}", False),
        ("d", f"{words(60, 80)}\n\n{second}", True),
        ("e", f"{second}\n\nshort\n\n{third}\n\n{first}", False),  # goes as a whole
        ("f", f"{third}\n\nnew", False),
    ]
    config = DeduplicateConfig(paragraphs=True)
    decisions = run(documents, config, per_piece=3)
    assert reasons(decisions) == [None, None, None, None, "duplicate", None]
    assert taken_out(decisions, 0) == {
        0: {"paragraphs": [1]},
        1: {"paragraphs": [0, 3]},
        2: {"paragraphs": [1]},
    }
    assert taken_out(decisions, 1) == {2: {"paragraphs": [0]}}


def taken_out(decisions: Decisions, piece: int) -> dict[int, dict[str, list[int]]]:
    repeated = decisions.piece(piece).repeated
    return {row: {name: each.tolist() for name, each in units.items()} for row, units in repeated.items()}


def test_training_text_goes_and_not_evaluation_text_that_equals_it(run: Decide) -> None:
    line = words(0, 20)
    documents = [
        ("a", f"{line}\n{words(20, 40)}", False, False),
        ("b", f"{line}\n{words(40, 60)}", False, True),
        ("c", f"{words(60, 80)}\n{line}", False, True),  # split off for evaluation, too, and later
        (
            "d",
            f"{words(80, 100)}\n{words(60, 80)}",
            True,
            False,
        ),  # written as it is: WikiText's training text
    ]
    decisions = run(documents, DeduplicateConfig(lines=True))
    assert taken_out(decisions, 0) == {0: {"lines": [0]}}
    assert taken_out(decisions, 1) == {0: {"lines": [0, 1]}}


def test_clusters_name_the_largest_first(run: Decide) -> None:
    documents = [
        ("a", words(0, 100), False),
        ("b", words(300, 400), False),
        ("c", words(300, 400), False),
        ("d", words(300, 396), False),
        ("e", words(0, 100), False),
        ("f", words(300, 400), False),
    ]
    near = [Dropped((1, 0), "duplicate", 1.0), Dropped((1, 1), "near_duplicate", 0.9583)]
    assert list(clusters(run(documents), members=2)) == [
        Cluster((0, 1), 3, near),
        Cluster((0, 0), 1, [Dropped((2, 0), "duplicate", 1.0)]),
    ]
    assert len(list(clusters(run(documents), limit=1))) == 1


@pytest.mark.parametrize("documents", [[], [("a", "", False)], [("a", "", False), ("b", "!", False)]])
def test_corpora_with_nothing_in_them(run: Decide, documents: list[Document]) -> None:
    every_unit = {"paragraphs": True, "lines": True, "sentences": True, "passages": True}
    config = NEAR.model_copy(update=every_unit)
    decisions = run(documents, config)
    assert reasons(decisions) == [None] * len(documents)
    assert list(clusters(decisions)) == []


def test_a_piece_is_there_as_a_whole_or_not(tmp_path: Path) -> None:
    with suppress(RuntimeError), KeyWriter(tmp_path, 0, NEAR) as keys:
        keys.add("a", "text")
        raise RuntimeError
    assert not list(tmp_path.iterdir())
    for text in ("one", "two words"):
        with KeyWriter(tmp_path, 0, NEAR) as keys:
            keys.add("a", text)
    with KeyWriter(tmp_path, 1, NEAR) as keys:
        pass  # nothing was left of it
    assert Keys(tmp_path, 2).starts.tolist() == [0, 1, 1]
