"""What is drawn at random of a training sample: a pure function of the seed and the sample's number."""

import numpy as np

from pipeline.splitmix import mix


def generator(seed: int, sample: int) -> np.random.Generator:
    """Random numbers of one sample, by a generator that needs no state of those before it (Salmon et al., 2011,
    "Parallel Random Numbers: As Easy as 1, 2, 3").

    So they are the same whoever draws them, on whichever rank, and after a resume; and other ones in each epoch, since
    a sample's number never comes again.
    """
    return np.random.Generator(np.random.Philox(key=np.array([seed % 2**64, sample % 2**64], np.uint64)))


def uniforms(seed: int, samples: np.ndarray, count: int, purpose: int) -> np.ndarray:
    """Numbers in [0, 1) for many samples at once, float64 [samples, count]: as `generator`, without one for each.

    Args:
        samples: their numbers, int64.
        purpose: numbers for another purpose are others.
    """
    step = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):  # overflow is meant
        key = mix(np.array([seed % 2**64], np.uint64) + step * np.uint64(purpose + 1))
        keys = mix(key ^ (samples.astype(np.uint64) * step))
        numbers = mix(keys[:, None] + step * np.arange(1, count + 1, dtype=np.uint64))
    return (numbers >> np.uint64(11)) * 2.0**-53
