"""Replace Pillow's pixel limit by ours and silence its warnings, from any number of threads."""

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

MAX_PIXELS = 20_000 * 20_000
"""Pictures with more pixels are refused as decompression bombs."""

_lock = threading.Lock()
_readers = 0
_saved: "tuple[int | None, warnings.catch_warnings[None] | None]" = (None, None)


@contextmanager
def guarded() -> Iterator[None]:
    """Set Pillow's process-wide limit and silence warnings while any thread is inside; restore both after.

    Pillow warns about odd metadata and large pictures; users get a result or an error instead.
    """
    global _readers, _saved
    with _lock:
        if _readers == 0:
            _saved = Image.MAX_IMAGE_PIXELS, None if _warnings_per_thread() else _silence()
            # Pillow raises above twice its limit, and warns above it.
            Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
        _readers += 1
    own = _silence() if _warnings_per_thread() else None
    try:
        yield
    finally:
        if own is not None:
            own.__exit__(None, None, None)
        with _lock:
            _readers -= 1
            if _readers == 0:
                Image.MAX_IMAGE_PIXELS, common = _saved
                if common is not None:
                    common.__exit__(None, None, None)


def _silence() -> "warnings.catch_warnings[None]":
    silence = warnings.catch_warnings()
    silence.__enter__()
    warnings.simplefilter("ignore")
    return silence


def _warnings_per_thread() -> bool:
    """Python 3.14 can keep filters per thread; before, they belong to the process."""
    return bool(getattr(sys.flags, "context_aware_warnings", False))
