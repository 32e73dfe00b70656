"""The core's instruction sets, and which of them run on this processor."""

from pathlib import Path

import numpy as np
import pytest

from pixelwise import _core

NEEDED: dict[str, set[str]] = {
    "baseline": set(),
    "avx2": {"avx2", "fma"},
    "avx512": {"avx2", "fma", "avx512f", "avx512vl", "avx512dq", "avx512bw"},
}
"""Flags of /proc/cpuinfo that a processor must have, by instruction set."""

SETS = list(NEEDED)


def skip_unless_run(instructions: str) -> None:
    """Skip the test if the core refuses an instruction set. A refusal although Linux says that the processor
    has the set is a failure.
    """
    lattice = (np.zeros((1, 2), np.float32), 0, 1.0, None)
    try:
        _core.MeanField((1, 1, 2), 1, [lattice], 1, instructions)
    except ValueError as refused:
        assert "does not run these instructions" in str(refused)
        assert not NEEDED[instructions] <= _flags(), f"the core refuses {instructions} here"
        pytest.skip(f"this processor does not run {instructions}")


def _flags() -> set[str]:
    """The flags of this processor; none if they are unknown."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return set(next((line for line in lines if line.startswith("flags")), "").split())
