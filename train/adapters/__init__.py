"""Low-rank adapters on any model, whose own weights are frozen, in 4 bits where that is set; and merged."""

import logging

ADAPTER_FOLDER = "adapter"
"""In an artifact: the adapters by themselves. Its model has them merged."""

# Whoever imports bitsandbytes, as peft does, is warned of faster kernels for CPUs, which come from the network.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
