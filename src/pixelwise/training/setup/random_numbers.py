"""Keep the random numbers of the caller apart from those of training."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def random_numbers_kept() -> Iterator[None]:
    """Training seeds the generators of the process; the caller's go on where they were."""
    # Asking a GPU that is not in use yet would take memory there.
    used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = [torch.cuda.current_device()] if used else []
    state = random.getstate()
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(state)
