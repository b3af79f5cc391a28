"""What is drawn at random of a training sample: a pure function of the seed and the sample's number."""

import numpy as np


def generator(seed: int, sample: int) -> np.random.Generator:
    """Random numbers of one sample, by a generator that needs no state of those before it (Salmon et al., 2011,
    "Parallel Random Numbers: As Easy as 1, 2, 3").

    So they are the same whoever draws them, on whichever rank, and after a resume; and other ones in each epoch, since
    a sample's number never comes again.
    """
    return np.random.Generator(np.random.Philox(key=np.array([seed % 2**64, sample % 2**64], np.uint64)))
