"""Read arrays from MATLAB's files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import DataError, MissingExtraError
from pixelwise.core.files import regular_file
from pixelwise.core.terminal import reason_of
from pixelwise.core.types import FileIds
from pixelwise.data.formats import mat_process
from pixelwise.data.sample_files import missing


@dataclass(frozen=True)
class MatFile:
    """A map of ids that is a variable of a .mat file; "GTcls.Segmentation" is a field of a struct."""

    path: Path
    variable: str

    def read(self) -> FileIds:
        return as_ids(read_mat(self.path, self.variable), self.path, self.variable)


def read_mat(path: Path, variable: str, index: int | None = None) -> npt.NDArray[Any]:
    """The variable as MATLAB shows it (rows first); for HDF5 files, the part at `index` of the last axis.

    Raises DataError with the file's name if the variable is missing or the file is damaged.
    """
    try:
        answer = mat_process.read_array(regular_file(path), variable, index)
    except FileNotFoundError:
        raise missing(path, "MATLAB file") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {reason_of(error)}") from None
    except mat_process.ReaderDiedError as error:
        raise _damaged(path, str(error)) from None
    if "array" in answer:
        array: npt.NDArray[Any] = answer["array"]
        return array
    if "names" in answer:
        there = f"it has {', '.join(answer['names'])}" if answer["names"] else "it has none"
        raise DataError(f'{path} has no variable "{variable}"', f"{there}; is this the right file?")
    if "package" in answer:
        raise MissingExtraError(answer["package"])
    place = "" if index is None else f'picture {index + 1} of "{variable}": '
    raise _damaged(path, place + answer["damaged"])


def as_ids(values: npt.NDArray[Any], path: Path, variable: str) -> FileIds:
    """(H, W) integers from a .mat file; MATLAB's doubles are accepted if they are whole numbers."""
    if values.ndim == 2 and values.dtype.kind in "ui":
        return values
    if values.ndim == 2 and values.dtype.kind == "f" and values.size:
        whole = np.array_equal(values, np.rint(values))
        if whole and np.abs(values).max() <= np.iinfo(np.int32).max:
            return values.astype(np.int32)
    raise DataError(
        f'"{variable}" in {path} is {values.dtype} of shape {values.shape}',
        "a map of ids has two dimensions and whole numbers below 2^31",
    )


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is not a readable .mat file: {reason}", "replace the file")
