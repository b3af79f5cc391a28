"""BERTScore (Zhang et al., 2020): F1 of the cosines of token embeddings that an encoder gives; the mean over all
examples.

As the package bert-score computes it, without idf weights and without rescaling. Which encoder it is,
`evaluate.bertscore` says: values of different encoders or layers are not comparable. Of several references the best
counts.
"""

from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from eval.results import Figure, Result
from eval.scoring.generated_texts import GeneratedTexts
from pipeline.config.evaluation import BertScoreConfig, EvaluateConfig
from pipeline.errors import UserError
from pipeline.formats.model_folder import weight_files
from pipeline.store.file_hashes import hash_file

FIGURES = {"bertscore": Figure("BERTScore F1", "BERTScore {:.1f} of 100")}
SCALE = (
    "BERTScore goes up to 100, the reference itself; texts that have nothing to do with each other stand far above 0, "
    "too: how far, depends on the encoder."
)
LARGEST = 100_000
"""transformers writes a larger limit of tokens where a tokenizer has none."""


def check(config: EvaluateConfig) -> None:
    """Raises: UserError: where the folder holds no encoder."""
    _weights(config.bertscore)


def score(texts: GeneratedTexts, config: EvaluateConfig) -> list[Result]:
    import torch

    settings = config.bertscore
    on_gpu = torch.cuda.is_available() and config.accelerator != "cpu"
    encoder = Encoder(_weights(settings)[0].parent, settings.layer, "cuda" if on_gpu else "cpu")
    found: list[float] = []
    size = config.decode.batch_size
    for first in range(0, len(texts.predictions), size):
        rows = slice(first, first + size)
        found += encoder.best_f1(texts.predictions[rows], texts.references[rows])
    digest = hash_file(_weights(settings)[0])[:12]
    signature = (
        f"f1|encoder:{encoder.folder.name},{digest}|layer:{encoder.layer}|idf:no|rescaled:no|refs:best"
        f"|transformers|version:{version('transformers')}"
    )
    return [texts.mean("bertscore", np.array(found), signature)]


def _weights(settings: BertScoreConfig) -> list[Path]:
    """The encoder's weights.

    Raises:
        UserError: where there are none that may be read.
    """
    folder = Path(settings.encoder or "").expanduser()
    found = [path for path in weight_files(folder) if path.suffix != ".bin"]
    if not (folder / "config.json").is_file() or not found:
        raise UserError(
            f"evaluate.bertscore.encoder={settings.encoder}: no folder of an encoder with config.json and "
            "safetensors; name one that transformers has saved"
        )
    return found


class Encoder:
    """A Hugging Face encoder that gives each token of a text a vector of length 1."""

    def __init__(self, folder: Path, layer: int | None, device: str):
        from transformers import AutoModel, AutoTokenizer

        self.folder, self._device = folder, device
        self._tokenizer: Any = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        model: Any = AutoModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, trust_remote_code=False
        )
        self._config = model.config
        self._model = (model.get_encoder() if model.config.is_encoder_decoder else model).eval().to(device)
        layers = model.config.num_hidden_layers
        self.layer = layers if layer is None else layer
        if self.layer > layers:
            raise UserError(f"evaluate.bertscore.layer={layer}: {folder} has {layers} layers")

    def best_f1(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
        """Of each prediction the best F1 in [0, 1] with any of its references; 0 where either has no token."""
        texts = sorted({*predictions, *(text for row in references for text in row)}, key=len)
        vectors = dict(zip(texts, self._embed(texts), strict=True))
        return [
            max(_f1(vectors[prediction], vectors[reference]) for reference in row)
            for prediction, row in zip(predictions, references, strict=True)
        ]

    def _embed(self, texts: Sequence[str]) -> "list[tuple[Any, Any]]":
        """Of each text its tokens' vectors [T, width], and which of them count, bool [T]: all but the tokens that mark
        the text's beginning and end."""
        import torch

        batch = self._tokenizer(
            list(texts), return_tensors="pt", padding=True, truncation=True, max_length=self._longest
        ).to(self._device)
        with torch.inference_mode():
            states = self._model(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                output_hidden_states=True,
            ).hidden_states[self.layer]
        states = torch.nn.functional.normalize(states.float(), dim=-1).cpu()
        ids, mask = batch["input_ids"].cpu(), batch["attention_mask"].bool().cpu()
        counts = mask & ~torch.isin(ids, torch.tensor(self._marks))
        return [(states[row][mask[row]], counts[row][mask[row]]) for row in range(len(texts))]

    @cached_property
    def _longest(self) -> int:
        limit = self._tokenizer.model_max_length
        positions = getattr(self._config, "max_position_embeddings", LARGEST)
        return limit if limit < LARGEST else positions - 2  # RoBERTa's positions begin at 2

    @cached_property
    def _marks(self) -> list[int]:
        names = ("cls_token_id", "sep_token_id", "bos_token_id", "eos_token_id")
        found = (getattr(self._tokenizer, name, None) for name in names)
        return [token for token in found if token is not None]


def _f1(prediction: tuple[Any, Any], reference: tuple[Any, Any]) -> float:
    """Tokens look for their nearest one among all of the other text, the marks included, as in the package."""
    (found, found_counts), (expected, expected_counts) = prediction, reference
    if not found_counts.any() or not expected_counts.any():
        return 0.0
    cosines = found @ expected.T
    precision = cosines.max(1).values[found_counts].mean()
    recall = cosines.max(0).values[expected_counts].mean()
    return float(2 * precision * recall / (precision + recall))
