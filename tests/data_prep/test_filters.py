"""Every filter drops what its reason says, keeps what is near it, and takes linear time."""

import time

import pytest
from cleaning import NO_FILTERS, PROSE

from data_prep.filters import RULES, first_reason
from data_prep.text_features import Features
from pipeline.config.clean import FilterConfig

CHINESE = (
    "北京市是中华人民共和国的首都，也是全国的政治、文化和国际交往中心。这座城市的历史可以追溯到三千多年前。"
    * 6
)
HINDI = "दिल्ली भारत की राजधानी है और यह देश का एक बहुत बड़ा महानगर भी है। यहाँ की जनसंख्या लगभग दो करोड़ है। " * 4
VERSE = "\n".join(f"This is line number {number} of a long poem about the sea." for number in range(20))

DROPPED = {
    "invalid_utf8": {"max_invalid_ratio": 0.001},
    "too_short": {"min_chars": len(PROSE) + 1},
    "too_long": {"max_chars": len(PROSE) - 1},
    "symbols": {"max_symbol_ratio": 0.3},
    "few_letters": {"min_alpha_ratio": 0.5},
    "too_few_words": {"min_words": 100},
    "long_words": {"max_mean_word_length": 20},
    "repeated_lines": {"max_repeated_line_ratio": 0.3},
    "bullets": {"max_bullet_line_ratio": 0.9},
    "ellipses": {"max_ellipsis_line_ratio": 0.3},
}
TEXTS = {
    "symbols": "☃★✈ → ⇒ ☂☄ fine " * 10,
    "few_letters": "1234 5678, 90 (12.5) ab " * 10,
    "long_words": "https://example.org/a/very/long/address?with=query&and=more " * 5,
    "repeated_lines": "Read more about this topic.\n" * 10 + PROSE,
    "bullets": "\n".join(f"- item {number} of the list" for number in range(30)),
    "ellipses": "\n".join(f"The beginning of story {number} …" for number in range(10)),
}


@pytest.mark.parametrize("reason", DROPPED)
def test_a_rule_drops_for_its_reason_and_only_where_it_is_on(reason: str) -> None:
    features = Features(TEXTS.get(reason, PROSE), invalid=5)
    assert first_reason(features, NO_FILTERS.model_copy(update=DROPPED[reason])) == reason
    assert first_reason(features, NO_FILTERS) is None


def test_every_option_has_a_rule_and_every_rule_a_test() -> None:
    assert {rule.option for rule in RULES} == set(FilterConfig.model_fields)
    assert {rule.reason for rule in RULES} == set(DROPPED)


@pytest.mark.parametrize(
    "text", [PROSE * 2, CHINESE, HINDI, VERSE], ids=["English", "Chinese", "Hindi", "verse"]
)
def test_the_defaults_keep_prose_of_any_script(text: str) -> None:
    assert first_reason(Features(text), FilterConfig()) is None


def test_thresholds_are_inclusive_bounds_of_what_is_kept() -> None:
    features = Features("a" * 200)
    only = NO_FILTERS.model_copy(update={"min_chars": 200, "max_chars": 200, "min_words": 1})
    assert first_reason(features, only) is None


def test_words_are_counted_as_split_does_across_slices() -> None:
    text = "one two\u3000three\n\n" * 50_000
    assert Features(text).counts().words == len(text.split()) == 150_000
    assert Features("x" * 600_000).counts().words == 1
    assert Features("").counts().words == Features(" \n ").counts().words == 0


@pytest.mark.parametrize("unit", ["a\n", "word ", "\n", "汉", "- …\n"], ids=repr)
def test_ten_times_the_text_takes_about_ten_times_as_long(unit: str) -> None:
    def seconds(characters: int) -> float:
        features = Features(unit * (characters // len(unit)))
        started = time.process_time()
        first_reason(features, FilterConfig(min_words=1))
        return time.process_time() - started

    seconds(1000)
    assert seconds(3_000_000) < 40 * max(seconds(300_000), 0.01)
