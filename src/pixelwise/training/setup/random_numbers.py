"""Keep the random numbers of the caller apart from those of training."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def random_numbers_kept() -> Iterator[None]:
    """Training seeds the generators of the process; the caller's go on where they were."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    state = random.getstate()
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(state)
