"""Read arrays from .npy files. Their declared shape is accepted only if the file holds that many bytes."""

import math
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from pixelwise.core.files import open_file
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.pictures.pillow_limits import guarded
from pixelwise.core.terminal import reason_of


def read_array(path: Path, most: int = PICTURES.total) -> npt.NDArray[Any]:
    """The array of a .npy file. Raises OSError if it cannot be read, ValueError if it is not a .npy file, is
    shorter or longer than its header says, holds Python objects, or has more than `most` bytes.
    """
    with open_file(path) as file, guarded():  # numpy warns about files that Python 2 wrote
        declared = _declared_bytes(file)
        there = os.fstat(file.fileno()).st_size - file.tell()
        if declared != there:
            raise ValueError(f"its header declares {declared} bytes, but it holds {there}")
        if declared > most:
            raise ValueError(f"its {declared / 1e9:.1f} GB are more than {most / 1e9:.1f} GB")
        file.seek(0)
        values: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        return values


def _declared_bytes(file: BinaryIO) -> int:
    """The number of bytes that the header declares; the file is then at the end of the header."""
    try:
        version = np.lib.format.read_magic(file)
        first = version == (1, 0)
        read_header = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(file)
    except Exception as error:  # numpy parses headers as Python, which raises nearly anything
        raise ValueError(f"it is not a .npy file: {reason_of(error)}") from None
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    return math.prod(shape) * int(dtype.itemsize)
