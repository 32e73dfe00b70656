"""The program that reads MATLAB's files, version 5 by scipy and version 7.3 (HDF5) by h5py.

It runs as a separate process (see mat_process.py), because damaged files can crash these readers. A request
on stdin is a line of JSON: path, variable, and index, null or the place along the last axis. The answer on
stdout is a line of JSON and, for an array, its bytes. It imports nothing of this package, so that it starts
quickly.
"""

import contextlib
import json
import os
import signal
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

MOST_BYTES = 500_000_000
"""Of an array. A map of ids takes a few megabytes."""

_MEMORY = 2_000_000_000  # bytes of address space of this process
_HDF5 = b"\x89HDF\r\n\x1a\n"


class _RefusedError(Exception):
    """There is no array; `answer` has the reason."""

    def __init__(self, **answer: object) -> None:
        super().__init__(answer)
        self.answer = answer


def main() -> None:
    """Answer requests until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the calling process
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # output of libraries
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    for line in sys.stdin.buffer:
        request = json.loads(line)
        content: npt.NDArray[Any] | None = None
        try:
            content = _read(request["path"], request["variable"], request["index"])
            answer: dict[str, object] = {"dtype": content.dtype.str, "shape": content.shape}
        except _RefusedError as refused:
            answer = refused.answer
        except ModuleNotFoundError as problem:
            answer = {"package": problem.name}
        except Exception as problem:  # these readers raise nearly anything on damaged files
            answer = {"damaged": " ".join(str(problem).split())[:200] or type(problem).__name__}
        answers.write(json.dumps(answer).encode() + b"\n")
        if content is not None:
            answers.write(content.data)
        answers.flush()


def _read(path: str, variable: str, index: int | None) -> npt.NDArray[Any]:
    with open(path, "rb") as file:  # noqa: PTH123
        head = file.read(520)
    # MATLAB puts 512 bytes of its own before the HDF5 signature.
    is_hdf5 = head.startswith(_HDF5) or head[512:] == _HDF5
    values = _hdf5(path, variable, index) if is_hdf5 else _version_5(path, variable)
    if values.dtype.kind not in "biuf":
        raise _RefusedError(damaged=f'"{variable}" is {values.dtype}, not numbers')
    _expect_small(values.nbytes)
    return np.ascontiguousarray(values)


def _version_5(path: str, variable: str) -> npt.NDArray[Any]:
    from scipy.io import loadmat, whosmat

    name, *fields = variable.split(".")
    found = loadmat(path, variable_names=[name], chars_as_strings=False)
    if name not in found:
        raise _RefusedError(names=[entry[0] for entry in whosmat(path)])
    value = found[name]
    for field in fields:
        if value.dtype.names is None or field not in value.dtype.names or value.size != 1:
            raise _RefusedError(names=list(value.dtype.names or [name]))
        value = value[field].flat[0]
    return np.asarray(value)


def _hdf5(path: str, variable: str, index: int | None) -> npt.NDArray[Any]:
    import h5py

    with h5py.File(path, "r") as file:
        node = file
        for name in variable.split("."):
            if not hasattr(node, "keys") or name not in node:
                there = list(node) if hasattr(node, "keys") else []
                raise _RefusedError(names=[key for key in there if not key.startswith("#")])
            node = node[name]
        if index is not None and not (node.ndim and index < node.shape[0]):
            raise _RefusedError(damaged=f"there is no place {index} in {node.shape}")
        chosen = node.shape if index is None else node.shape[1:]
        _expect_small(int(np.prod(chosen, dtype=object)) * node.dtype.itemsize)
        return np.array(node[...] if index is None else node[index]).T  # HDF5 has MATLAB's columns as rows


def _expect_small(size: int) -> None:
    if size > MOST_BYTES:
        raise _RefusedError(damaged=f"it declares {size / 1e9:.1f} GB")


if __name__ == "__main__":
    main()
