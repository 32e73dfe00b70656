"""Arrays in MATLAB's files: version 5 by scipy, version 7.3 (HDF5) by h5py."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.data.parts import missing
from pixelwise.errors import DataError, MissingExtraError
from pixelwise.types import FileIds

_HDF5 = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class MatFile:
    """A map of ids that is a variable of a .mat file; "GTcls.Segmentation" is a field of a struct."""

    path: Path
    variable: str

    def read(self) -> FileIds:
        return as_ids(read_mat(self.path, self.variable), self.path, self.variable)


def read_mat(path: Path, variable: str) -> npt.NDArray[Any]:
    """The variable as MATLAB shows it (rows first). Raises DataError, naming the file, if it is not there."""
    try:
        is_hdf5 = _is_hdf5(path)
    except FileNotFoundError:
        raise missing(path, "MATLAB file") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    return _read_hdf5(path, variable) if is_hdf5 else _read_version_5(path, variable)


def as_ids(values: npt.NDArray[Any], path: Path, variable: str) -> FileIds:
    """(H, W) integers of what a .mat file holds; MATLAB's doubles are taken if they are whole numbers."""
    if values.ndim == 2 and values.dtype.kind in "ui":
        return values
    if values.ndim == 2 and values.dtype.kind == "f" and np.array_equal(values, np.rint(values)):
        return values.astype(np.int32)
    raise DataError(
        f'"{variable}" in {path} is {values.dtype} of shape {values.shape}',
        "a map of ids has two dimensions and whole numbers",
    )


def _is_hdf5(path: Path) -> bool:
    """MATLAB puts 512 bytes of its own before the HDF5 signature."""
    with path.open("rb") as file:
        head = file.read(520)
    return head.startswith(_HDF5) or head[512:] == _HDF5


def _read_version_5(path: Path, variable: str) -> npt.NDArray[Any]:
    try:
        from scipy.io import loadmat, whosmat
    except ModuleNotFoundError:
        raise MissingExtraError("scipy") from None
    name, *fields = variable.split(".")
    try:
        found = loadmat(path, variable_names=[name], chars_as_strings=False)
        names = [entry[0] for entry in whosmat(path)] if name not in found else []
    except Exception as error:  # the decoder raises nearly anything on damaged files
        raise _damaged(path, error) from None
    if name not in found:
        raise _without(path, variable, names)
    value = found[name]
    for field in fields:
        if value.dtype.names is None or field not in value.dtype.names or value.size != 1:
            raise _without(path, variable, list(value.dtype.names or [name]))
        value = value[field].flat[0]
    return np.asarray(value)


def _read_hdf5(path: Path, variable: str) -> npt.NDArray[Any]:
    h5py = import_h5py()
    try:
        with h5py.File(path, "r") as file:
            node = file
            for name in variable.split("."):
                if not hasattr(node, "keys") or name not in node:
                    there = list(node) if hasattr(node, "keys") else []
                    raise _without(path, variable, [key for key in there if not key.startswith("#")])
                node = node[name]
            return np.array(node).T  # HDF5 has MATLAB's columns as rows
    except DataError:
        raise
    except Exception as error:
        raise _damaged(path, error) from None


def import_h5py() -> Any:
    """The package h5py. Raises MissingExtraError if it is not installed."""
    try:
        import h5py
    except ModuleNotFoundError:
        raise MissingExtraError("h5py") from None
    return h5py


def _without(path: Path, variable: str, names: list[str]) -> DataError:
    there = f"it has {', '.join(names)}" if names else "it has none"
    return DataError(f'{path} has no variable "{variable}"', f"{there}; is this the right file?")


def _damaged(path: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return DataError(f"{path} is no readable .mat file: {reason}", "replace the file")
