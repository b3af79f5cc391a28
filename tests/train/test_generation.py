"""Generation against `transformers`, and its promises: determinism, stopping, room."""

import logging

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from pipeline.config.evaluation import DecodeConfig
from pipeline.config.models.lstm import LSTMConfig
from pipeline.errors import UserError
from train.generation.generate import encode_prompts, generate, generate_ids
from train.generation.sampling import sample
from train.generation.stops import Stops
from train.models import build_model
from train.models.decoder.hf_config import to_hf_config

STOPS = [0, 1, 2, 3, 4]


def written(*arguments, **settings):
    """The texts alone of what is generated."""
    return [found.text for found in generate(*arguments, **settings)]


VOCAB = 40
PROMPTS = [[7, 8, 9], [5], [30, 31, 32, 33, 34, 35, 36], [11, 12], [20, 21, 22]]


def reference(model, prompts, **settings):
    """What `transformers` generates for each prompt, stop token left out, with our model's weights."""
    fields = to_hf_config(model.config, model.vocab_size)
    twin = AutoModelForCausalLM.from_config(AutoConfig.for_model(**fields)).eval()
    missing = twin.load_state_dict(model.state_dict(), strict=False)
    assert not missing.unexpected_keys
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    found = twin.generate(
        ids, attention_mask=mask, do_sample=False, eos_token_id=STOPS, pad_token_id=3, **settings
    )
    rows = []
    for row in found[:, longest:].tolist():
        ends = [place for place, token in enumerate(row) if token in STOPS]
        rows.append(row[: ends[0]] if ends else row)
    return rows


@pytest.mark.parametrize("batch_size", [1, 2, 8])
@pytest.mark.parametrize("layout", ["gpt2", "llama", "qwen3"])
def test_greedy_equals_transformers(tiny_model, layout, batch_size):
    for seed in range(3):
        model = tiny_model(VOCAB, seed, layout=layout)
        config = DecodeConfig(method="greedy", max_new_tokens=20, batch_size=batch_size)
        expected = reference(model, PROMPTS, max_new_tokens=20)
        assert generate_ids(model, PROMPTS, config, 0, Stops(STOPS)) == expected
        model.lay_out_for_generation()
        assert generate_ids(model, PROMPTS, config, 0, Stops(STOPS)) == expected


@pytest.mark.parametrize("layout", ["gpt2", "llama", "qwen3"])
def test_forty_prompts_at_once_equal_each_alone(tiny_model, layout):
    model = tiny_model(VOCAB, layout=layout)
    alone, together = (DecodeConfig(max_new_tokens=20, batch_size=size) for size in (1, 40))
    expected = generate_ids(model, PROMPTS, alone, 0, Stops(STOPS))
    model.lay_out_for_generation()
    assert generate_ids(model, 8 * PROMPTS, together, 0, Stops(STOPS)) == 8 * expected


@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.0, -1.0])
@pytest.mark.parametrize("layout", ["gpt2", "llama"])
def test_beam_search_equals_transformers(tiny_model, layout, length_penalty, batch_size):
    lengths = set()
    for seed in range(3):
        model = tiny_model(VOCAB, seed, layout=layout)
        config = DecodeConfig(
            method="beam", beams=3, length_penalty=length_penalty, max_new_tokens=12, batch_size=batch_size
        )
        found = generate_ids(model, PROMPTS, config, 0, Stops(STOPS))
        lengths |= set(map(len, found))
        assert found == reference(
            model, PROMPTS, max_new_tokens=12, num_beams=3, length_penalty=length_penalty
        )
    assert len(lengths) > 1


def test_one_beam_is_greedy(tiny_model):
    model = tiny_model(VOCAB)
    beam = DecodeConfig(method="beam", beams=1, max_new_tokens=10)
    greedy = DecodeConfig(method="greedy", max_new_tokens=10)
    assert generate_ids(model, PROMPTS, beam, 0, Stops(STOPS)) == generate_ids(
        model, PROMPTS, greedy, 0, Stops(STOPS)
    )


def test_samples_depend_on_the_seed_and_not_on_the_batch(tiny_model):
    model = tiny_model(VOCAB)

    def draw(seed, batch_size):
        config = DecodeConfig(method="sample", temperature=1.0, max_new_tokens=15, batch_size=batch_size)
        return generate_ids(model, PROMPTS, config, seed, Stops(STOPS))

    assert draw(1, 2) == draw(1, 2) == draw(1, 8)
    assert draw(1, 2) != draw(2, 2)


def test_sampling_follows_the_distribution():
    logits = torch.log(torch.tensor([0.5, 0.05, 0.3, 0.15]))
    uniform = torch.linspace(0, 1, 20_001)[:-1]

    def frequencies(**settings):
        config = DecodeConfig(method="sample", **settings)
        drawn = sample(logits.expand(len(uniform), -1), uniform, config)
        return (torch.bincount(drawn, minlength=4) / len(uniform)).tolist()

    assert frequencies(temperature=1, top_p=None) == pytest.approx([0.5, 0.05, 0.3, 0.15], abs=1e-3)
    assert frequencies(temperature=1, top_p=None, top_k=2) == pytest.approx([5 / 8, 0, 3 / 8, 0], abs=1e-3)
    # 0.5 + 0.3 reaches 0.7; 0.9 needs the third.
    assert frequencies(temperature=1, top_p=0.7) == pytest.approx([5 / 8, 0, 3 / 8, 0], abs=1e-3)
    third = [0.5 / 0.95, 0, 0.3 / 0.95, 0.15 / 0.95]
    assert frequencies(temperature=1, top_p=0.9) == pytest.approx(third, abs=1e-3)
    squares = np.array([0.5, 0.05, 0.3, 0.15]) ** 2
    assert frequencies(temperature=0.5, top_p=None) == pytest.approx(squares / squares.sum(), abs=1e-3)
    assert frequencies(temperature=1, top_p=0.01) == [1, 0, 0, 0]


def test_a_model_that_diverged_is_told():
    logits = torch.full((2, 4), float("nan"))
    with pytest.raises(UserError, match="training has diverged; lower its learning rate"):
        sample(logits, torch.tensor([0.1, 0.9]), DecodeConfig(method="sample"))


def test_a_long_prompt_loses_its_beginning(tiny_model, caplog):
    model = tiny_model(VOCAB, context=32)
    long = np.random.default_rng(0).integers(5, VOCAB, 100).tolist()
    config = DecodeConfig(max_new_tokens=10)
    with caplog.at_level(logging.WARNING, "train.generation.generate"):
        found = generate_ids(model, [long, [7]], config, 0, Stops(STOPS))
    assert "1 of 2 prompts is longer than the 22 tokens" in caplog.text
    assert found == generate_ids(model, [long[-22:], [7]], config, 0, Stops(STOPS))


def test_half_of_the_context_is_the_prompts(tiny_model, caplog):
    model = tiny_model(VOCAB, context=32)
    with caplog.at_level(logging.WARNING, "train.generation.generate"):
        [found] = generate_ids(model, [[7] * 16], DecodeConfig(max_new_tokens=500), 0, Stops([]))
    assert len(found) == 16
    assert "context of 32 leaves room for 16" in caplog.text


def test_texts_come_without_prompt_and_special_tokens(tiny_model, tokenizer):
    model = tiny_model()
    prompts = tokenizer(["<|user|>hello<|end|><|assistant|>", "", "ab"]).input_ids
    config = DecodeConfig(max_new_tokens=8)
    done = []
    texts = written(model, tokenizer, prompts, config, 0, advance=done.append)
    assert sum(done) == len(texts) == 3
    assert not any("<|" in text for text in texts)
    # A model that always says <|end|> says nothing.
    with torch.no_grad():
        model.lm_head.weight.zero_()
        model.model.norm.weight.zero_()
    end = tokenizer.convert_tokens_to_ids("<|end|>")
    ids = generate_ids(model, [[9]], config, 0, Stops([end]))
    assert ids == [[0] * 8]
    assert generate_ids(model, [[9]], config, 0, Stops([0])) == [[]]
    assert written(model, tokenizer, [], config, 0) == []


@pytest.mark.parametrize("method", ["greedy", "beam", "sample"])
def test_a_recurrent_model_generates_the_same_alone_and_in_a_batch(method):
    torch.manual_seed(0)
    model = build_model(LSTMConfig(layers=2, hidden=48, embedding=24, context=64), VOCAB).eval()
    for weight in model.parameters():  # fresh weights are near zero, and all prompts would sound alike
        torch.nn.init.normal_(weight, std=0.5)

    def texts(batch_size):
        config = DecodeConfig(method=method, beams=3, max_new_tokens=12, batch_size=batch_size)
        return generate_ids(model, PROMPTS, config, 0, Stops(STOPS))

    assert texts(1) == texts(8)
    assert len({tuple(row) for row in texts(1)}) > 1
    if method == "greedy":
        ids = [*PROMPTS[0], *texts(1)[0]]
        with torch.inference_mode():
            expected = model(torch.tensor([ids]))[0].argmax(-1).tolist()
        assert ids[len(PROMPTS[0]) :] == expected[len(PROMPTS[0]) - 1 : -1]


def test_of_a_prompt_that_is_too_long_the_end_is_read(tiny_model):
    model = tiny_model(VOCAB, context=32)
    prompt = list(range(5, 35))
    config = DecodeConfig(max_new_tokens=10)
    found = generate_ids(model, [prompt], config, 0, Stops(STOPS))
    assert found == generate_ids(model, [prompt[-22:]], config, 0, Stops(STOPS))


def test_a_continuation_keeps_the_space_before_its_first_word(tiny_model):
    vocab = [("<unk>", 0.0), ("</s>", 0.0), ("▁", -3.0), ("▁the", -1.0), ("▁cat", -1.0)]
    backend = Tokenizer(models.Unigram(vocab, unk_id=0))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    words = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>", unk_token="<unk>")
    model = tiny_model(5)
    with torch.no_grad():  # says "cat" whatever it reads
        model.lm_head.weight.zero_()
        model.lm_head.weight[4] = model.hidden(torch.tensor([[3]]))[0, 0]
    assert written(model, words, encode_prompts(words, ["the"]), DecodeConfig(max_new_tokens=1), 0) == [
        " cat"
    ]


@pytest.mark.parametrize("method", ["greedy", "sample", "beam"])
def test_a_text_ends_a_continuation(tiny_model, tokenizer, method):
    """Whichever tokens spell it, and although single ones of them stand in it before."""
    model = tiny_model(seed=3)
    prompts = encode_prompts(tokenizer, ["hello", "ab", "the dog"])
    config = DecodeConfig(method=method, temperature=1.0, top_p=None, beams=2, max_new_tokens=24)
    whole = written(model, tokenizer, prompts, config, 0, stops=Stops([]))
    if method == "beam":  # other hypotheses are found where some end
        [text] = written(model, tokenizer, prompts[:1], config, 0, stops=Stops([], [whole[0][4:6]]))
        assert whole[0][4:6] not in text
        return
    stop = whole[1][6:9]
    assert len(stop) == 3
    found = written(model, tokenizer, prompts, config, 0, stops=Stops([], [stop]))
    assert found == [text.partition(stop)[0] for text in whole]
    assert len(found[1]) <= 6


@pytest.mark.parametrize("method", ["greedy", "beam"])
def test_what_is_cut_off_is_told(tiny_model, tokenizer, method):
    model = tiny_model(seed=3)
    prompts = encode_prompts(tokenizer, ["hello", "ab"])
    config = DecodeConfig(method=method, beams=2, max_new_tokens=12)
    whole = generate(model, tokenizer, prompts, config, 0, stops=Stops([]))
    assert [found.cut_off for found in whole] == [True, True]
    found = generate(model, tokenizer, prompts, config, 0, stops=Stops([], [whole[0].text[2:4]]))
    assert not found[0].cut_off
    ids = generate_ids(model, prompts[:1], config, 0, Stops([]))[0]
    if method == "greedy":
        assert not generate(model, tokenizer, prompts[:1], config, 0, stops=Stops([ids[-1]]))[0].cut_off


def test_generation_ends_with_the_last_text(tiny_model, tokenizer):
    """No token is computed that nobody will see."""
    model = tiny_model(seed=3)
    [prompt] = encode_prompts(tokenizer, ["hello"])
    config = DecodeConfig(method="greedy", max_new_tokens=24)
    [whole] = generate_ids(model, [prompt], config, 0, Stops([]))
    stop = tokenizer.decode(whole[3:6])
    [found] = generate_ids(model, [prompt], config, 0, Stops([], [stop]), decode=tokenizer.decode)
    assert len(found) <= 6
    assert found == whole[: len(found)]
    assert tokenizer.decode(found).endswith(stop)


def test_what_a_prompt_spells_is_text(tokenizer):
    [ids] = encode_prompts(tokenizer, ["a<|end|>"])
    assert tokenizer.convert_tokens_to_ids("<|end|>") not in ids
    assert tokenizer.decode(ids) == "a<|end|>"
