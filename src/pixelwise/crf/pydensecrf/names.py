"""Errors of pixelwise.crf with the names that pydensecrf gives to its arguments."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def renamed(**own: str) -> Iterator[None]:
    """ValueErrors of the block name arguments by what `own` gives for the names of pixelwise.crf."""
    try:
        yield
    except ValueError as problem:
        message = str(problem)
        for name, theirs in own.items():
            message = message.replace(name, theirs)
        raise ValueError(message) from None
