"""Near duplicates planted among real documents are found, and documents that only share much are not."""

from pathlib import Path

import pytest

from data_prep.dedup import Keys, KeyWriter, decide
from pipeline.config.clean import DeduplicateConfig
from tests.data_prep.planted import chinese, english, plant, true_jaccard

CONFIG = DeduplicateConfig(documents="near")


@pytest.mark.parametrize(
    ("read", "data", "count"), [(english, "wikitext-2", 300), (chinese, "tatoeba-zh-en", 200)]
)
def test_recall_and_precision(shared_data, tmp_path: Path, read, data: str, count: int) -> None:
    documents = read(shared_data(data), count)
    texts = ["".join(document) for document in documents]
    planted: dict[int, float] = {}
    for number, document in enumerate(documents):
        low, high = (0.8, 1.0) if number % 4 < 2 else (0.3, 0.75)
        copy, similarity = plant(document, number // 4, low, high)
        if copy:
            planted[len(texts)] = similarity
            texts.append(copy)
    for piece, start in enumerate(range(0, len(texts), 200)):
        with KeyWriter(tmp_path / "keys", piece, CONFIG) as keys:
            for number, text in enumerate(texts[start : start + 200], start):
                keys.add(str(number), text)
    decisions = decide(Keys(tmp_path / "keys", piece + 1), CONFIG, tmp_path / "decisions")
    dropped = {number for number, code in enumerate(decisions.code) if code}
    wanted = {number for number, similarity in planted.items() if similarity >= 0.8}
    assert len(wanted) > 0.3 * count
    assert len(planted) - len(wanted) > 0.3 * count
    right = {n for n in dropped if true_jaccard(texts[n], texts[decisions.match[n]]) >= 0.8}
    recall, precision = len(wanted & dropped) / len(wanted), len(right) / len(dropped)
    print(f"{data}: {len(wanted)} planted, recall {recall:.3f}, precision {precision:.3f}")
    assert recall >= 0.95
    assert precision >= 0.95
    errors = [
        decisions.similarity[number] - true_jaccard(texts[number], texts[decisions.match[number]])
        for number in right
    ]
    assert max(map(abs, errors)) < 0.08  # 4 standard errors of a sketch of 512 at 0.8
