"""Memory of large maps, kept for the next step.

The system takes as long to give fresh memory as a convolution takes to fill it.
"""

from typing import Any

import numpy as np

Floats = np.ndarray[tuple[int], np.dtype[np.float32]]

_LARGE = 1 << 20
"""Numbers from which arrays are kept; the C library keeps smaller ones itself."""
_MOST = 1 << 29
"""So many numbers are kept at most, 2 GiB."""
_kept: list[Floats] = []


def floats(count: int) -> Floats:
    """So many float32, not initialised. When nothing refers to them any more they are given out again."""
    if count < _LARGE:
        return np.empty(count, np.float32)
    fitting = [memory for memory in _kept.copy() if count <= memory.size <= count * 5 // 4]
    while fitting:
        memory = fitting.pop()
        try:
            _remove(memory)
        except ValueError:  # another thread took it
            continue
        return np.asarray(_Lease(memory))[:count]
    return np.asarray(_Lease(np.empty(count, np.float32)))


class _Lease:
    """What an array and its views refer to as the owner of their memory."""

    def __init__(self, memory: Floats) -> None:
        self._memory = memory
        self.__array_interface__: dict[str, Any] = memory.__array_interface__

    def __del__(self, kept: list[Floats] = _kept, most: int = _MOST) -> None:
        kept.append(self._memory)
        while len(kept) > 1 and sum(memory.size for memory in kept.copy()) > most:
            kept.pop(0)


def _remove(memory: Floats) -> None:
    """Take out of those kept; equal arrays are not the same."""
    for index, other in enumerate(_kept):
        if other is memory:
            del _kept[index]
            return
    raise ValueError
