"""People's judgements: the sheet in a browser, the answers that it saves, and what comes of them."""

import asyncio
import json

import numpy as np
import pytest

from eval.rate import RateSettings, main, write_sheet
from eval.ratings.agreement import krippendorff_alpha
from eval.ratings.answers import read_answers
from eval.ratings.results import rating_results
from eval.ratings.sheet import pair_items, sheet_page, single_items
from eval.ratings.wording import WORDING
from eval.ratings.written import Written, written_texts
from eval.results import Bootstrap
from pipeline.errors import UserError
from tests.eval.evaluated_runs import GOOD, POOR
from tests.inference.browser import CHROMIUM, Browser

BOOTSTRAP = Bootstrap(200, 0.95, 1)
HOSTILE = "</script><script>document.title='owned'</script><b>&\u2028"
_ = np.nan


FOUR_RATERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
    [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
]


@pytest.mark.parametrize(
    ("ratings", "scale", "alpha"),
    [  # the examples A, B and C of Krippendorff (2011)
        ([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]], "nominal", 0.095),
        ([[*b"aabbdcccedda"], [*b"babbbccceddd"]], "nominal", 0.692),
        (FOUR_RATERS, "nominal", 0.743),
        (FOUR_RATERS, "ordinal", 0.815),
    ],
)
def test_agreement_of_published_examples(ratings, scale, alpha):
    assert krippendorff_alpha(np.array(ratings, float), scale) == pytest.approx(alpha, abs=5e-4)


def test_agreement_where_there_is_little():
    assert krippendorff_alpha(np.array([[1.0, 1], [1, 1]]), "nominal") == 1
    assert krippendorff_alpha(np.array([[1.0, _], [_, 1]]), "nominal") is None
    assert krippendorff_alpha(np.array([[_], [_]]), "ordinal") is None


def texts(run, count=6):
    return [Written(f"prompt {n}", f"{run} wrote {n}") for n in range(count)]


def test_items_are_blind_and_drawn_at_random():
    pairs = list(zip(texts("a"), texts("b"), strict=True))
    same = (Written("same", "x"), Written("same", "x"))
    items = pair_items([*pairs, same], 50, 1)
    assert sorted(item.prompt for item in items) == [f"prompt {n}" for n in range(6)]
    assert {item.texts[0].text[0] for item in items} == {"a", "b"}
    assert pair_items(pairs, 3, 1) == pair_items(pairs, 3, 1) != pair_items(pairs, 3, 2)
    row = {"prompt": "<|user|>Hi", "prediction": "Ho", "turns": [{"role": "user", "content": "Hi"}]}
    assert written_texts([row], [])[0].shown == "user: Hi"
    singles = single_items([texts("a"), texts("b")], 4, 1)
    assert len(singles) == 8
    page = sheet_page(items, "pairs", 5, "en", "Which is <shorter>?")
    assert "Which is &lt;shorter&gt;?" in page
    assert "src=" not in page
    assert "http" not in page.replace("http-equiv", "")


def saved(folder, rater, answers, kind="pairs", **others):
    file = {"format": "lm-workflow ratings 1", "sheet": "s", "kind": kind, "scale": 5, "rater": rater}
    path = folder / f"{rater}{others.pop('name', '')}.json"
    path.write_text(json.dumps({**file, "answers": answers, **others}))
    return path


def test_figures_by_hand(tmp_path):
    ours, theirs = texts("a", 6), texts("b", 6)
    pairs = [
        [a.digest, b.digest][:: 1 if n % 2 else -1] for n, (a, b) in enumerate(zip(ours, theirs, strict=True))
    ]
    votes = {"ann": ["right", "left", "tie", "left", "right", "left"], "bob": ["right", "left", "left"]}
    files = [
        saved(
            tmp_path,
            rater,
            [{"texts": pair, "choice": choice} for pair, choice in zip(pairs, given, strict=False)],
        )
        for rater, given in votes.items()
    ]  # ours at the right, left, right, …: 1, 1, 0.5, 1, 1, 1 and 1, 1, 0
    preferred, agreement = rating_results("finetune", read_answers(files), ours, BOOTSTRAP)
    assert preferred.value == pytest.approx(100 * (1 + 1 + 0.25 + 1 + 1 + 1) / 6)
    assert preferred.low < preferred.value <= preferred.high
    assert (preferred.name, preferred.n, agreement.n) == ("human_preference", 6, 3)
    assert preferred.headline == "preferred by people in 88%"
    expected = krippendorff_alpha(np.array([[1, 1, 0.5], [1, 1, 0]]), "nominal")
    assert agreement.value == pytest.approx(expected)
    other, _ = rating_results("finetune", read_answers(files), theirs, BOOTSTRAP)
    assert other.value == pytest.approx(100 - preferred.value)

    scores = [{"texts": [text.digest], "score": n + 2} for n, text in enumerate(ours[:4])]
    likert = saved(tmp_path, "cy", [*scores, {"texts": [theirs[0].digest], "score": 1}], "likert")
    [rating] = rating_results("pretrain", read_answers([likert]), ours, BOOTSTRAP)
    assert (rating.name, rating.value, rating.n) == ("human_rating", 3.5, 4)
    assert "likert:1-5|sheet:s|raters:1" in rating.signature


def test_bad_answers_are_told(tmp_path):
    good = [{"texts": ["d1", "d2"], "choice": "tie"}]
    ann = saved(tmp_path, "ann", good)
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(UserError, match="is no file that a rating sheet has saved"):
        read_answers([tmp_path / "x.json"])
    with pytest.raises(UserError, match="both of the rater ann; leave one out"):
        read_answers([ann, saved(tmp_path, "ann", good, name="2")])
    with pytest.raises(UserError, match="are of two sheets"):
        read_answers([ann, saved(tmp_path, "bob", good, sheet="t")])
    with pytest.raises(UserError, match="answer 1 is 9 on a scale to 5"):
        read_answers([saved(tmp_path, "cy", [{"texts": ["d"], "score": 9}], "likert")])
    with pytest.raises(UserError, match="answer 1 is no judgement of a pair"):
        read_answers([saved(tmp_path, "dee", [{"texts": ["d"], "choice": "tie"}])])
    with pytest.raises(UserError, match="judged other texts than this model's"):
        rating_results("finetune", read_answers([ann]), texts("a"), BOOTSTRAP)


def test_a_sheet_of_two_runs(runs, tmp_path, capsys, monkeypatch):
    first, second = runs("good"), runs("poor", POOR)
    page, items = write_sheet(
        [first, second], RateSettings(page=str(tmp_path / "out" / "sheet.html"), items=30)
    )
    assert items == 30
    assert ">good<" not in page.read_text()
    assert written_texts(first.predictions, [])[0] == Written("write 0 <script>", GOOD[0])
    other = RateSettings(page=str(tmp_path / "other.html"), kind="likert", items=10)
    assert write_sheet([first, second], other)[1] == 20
    with pytest.raises(UserError, match="both runs wrote the same texts"):
        write_sheet([first, runs("again")], RateSettings(page=str(page)))
    # People may be answering what was written before.
    sheet = page.read_text()
    with pytest.raises(
        UserError, match=r"holds another sheet, which people may be answering; name another file"
    ):
        write_sheet([first, second], RateSettings(page=str(page), seed=2))
    assert page.read_text() == sheet
    monkeypatch.chdir(tmp_path)
    pages = [write_sheet([first, second], RateSettings(seed=seed))[0] for seed in (1, 1, 2, 3)]
    assert [str(page) for page in pages] == [
        f"ratings/good-and-poor{end}.html" for end in ("", "", "-2", "-3")
    ]
    with pytest.raises(UserError, match="pairs are of two runs"):
        write_sheet([first], RateSettings(kind="pairs"))
    with pytest.raises(SystemExit):
        main([])
    assert "one or two runs are rated, and 0 are given" in capsys.readouterr().err


needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium here (apt-get install chromium)"
)


@needs_browser
@pytest.mark.parametrize(("kind", "language"), [("pairs", "zh"), ("likert", "en")])
def test_what_a_browser_saves_is_read_back(tmp_path, kind, language):
    """Judged by clicks and keys; texts that would be HTML are shown as they stand."""
    ours, theirs = texts("a", 3), texts("b", 3)
    ours[0] = Written(f"prompt {HOSTILE}", f"a {HOSTILE}")
    theirs[0] = Written(ours[0].prompt, "b wrote 0")
    pairs = list(zip(ours, theirs, strict=True))
    items = pair_items(pairs, 9, 1) if kind == "pairs" else single_items([ours, theirs], 9, 1)
    sheet = tmp_path / "sheet.html"
    sheet.write_text(sheet_page(items, kind, 5, language, None), encoding="utf-8")

    async def judge() -> None:
        async with Browser(sheet.as_uri()) as page:
            await page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
            await page.evaluate("save()")
            message = await page.evaluate("element('message').textContent")
            assert message == WORDING[language]["nameless"]
            for item in items:  # ours is always the better one
                shown = await page.evaluate(
                    "[...document.querySelectorAll('#texts p')].map(p => p.textContent)"
                )
                assert shown == [text.text for text in item.texts]
                assert await page.evaluate("element('prompt').textContent") == item.prompt
                best = [text in ours for text in item.texts].index(True) if kind == "pairs" else 0
                button = 2 * best if kind == "pairs" else (4 if item.texts[0] in ours else 1)
                await page.evaluate(f"document.querySelectorAll('#choices button')[{button}].click()")
            assert await page.evaluate("document.title") != "owned"
            assert await page.evaluate("document.querySelectorAll('main b').length") == 0
            await page.picture(tmp_path / "page.png")
            await page.evaluate("element('rater').value = '小李 <1>'; element('save').click()")
            async with asyncio.timeout(30):
                while not [*tmp_path.glob("ratings-*.json")]:
                    await asyncio.sleep(0.05)

    asyncio.run(judge())
    answers = read_answers(tmp_path.glob("ratings-*.json"))
    assert answers[0].rater == "小李 <1>"
    [result] = rating_results("finetune", answers, ours, BOOTSTRAP)
    assert (result.value, result.n) == ((100, 3) if kind == "pairs" else (5, 3))
    [other] = rating_results("finetune", answers, theirs, BOOTSTRAP)
    assert other.value == (0 if kind == "pairs" else 2)
