"""Read MATLAB's files in a separate process, because a damaged file can crash the readers of scipy and HDF5.

One process serves all threads in turn, and is started again when it dies. It ends with the calling process,
when its stdin is closed.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from pixelwise.data.formats import mat_reader

_PROGRAM = mat_reader.__file__
_SECONDS = 30.0  # for one file
_ANSWER_BYTES = 1_000_000  # of the line before an array


class ReaderDiedError(Exception):
    """A new process died while it read this file; the message says how."""


class _Reader:
    """A process that runs mat_reader.py."""

    def __init__(self) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
        # -P: modules beside mat_reader.py must not hide those of other packages.
        self._process = subprocess.Popen(
            [sys.executable, "-P", _PROGRAM],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )

    @property
    def _pipes(self) -> tuple[BinaryIO, BinaryIO]:
        return cast(BinaryIO, self._process.stdin), cast(BinaryIO, self._process.stdout)

    def ask(self, request: dict[str, object]) -> tuple[dict[str, Any], bytearray]:
        """The answer and the bytes that follow it. Raises EOFError or OSError if the process dies."""
        requests, answers = self._pipes
        timer = threading.Timer(_SECONDS, self._process.kill)
        timer.start()
        try:
            requests.write(json.dumps(request).encode() + b"\n")
            line = answers.readline(_ANSWER_BYTES)
            if not line.endswith(b"\n"):
                raise EOFError
            answer: dict[str, Any] = json.loads(line)
            size = 0
            if "dtype" in answer:
                size = int(np.prod(answer["shape"], dtype=object)) * np.dtype(answer["dtype"]).itemsize
            return answer, _exactly(answers, size)
        finally:
            timer.cancel()

    def end(self) -> str:
        """End the process, if it has not ended; say how it did."""
        for pipe in self._pipes:
            pipe.close()
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if code == -signal.SIGKILL:
            return f"it took more than {_SECONDS:.0f} s, or more memory than there is"
        return f"its reader ended by signal {-code}" if code < 0 else f"its reader ended with code {code}"

    def leave(self) -> None:
        """Forget a process that belongs to the parent of this one."""
        for pipe in self._pipes:
            pipe.close()
        self._process.returncode = 0  # nothing to wait for here


_lock = threading.Lock()
_reader: _Reader | None = None


def read_array(path: Path, variable: str, index: int | None = None) -> dict[str, Any]:
    """The answer of mat_reader.py, with the "array" if there is one. Raises ReaderDiedError."""
    request: dict[str, object] = {"path": str(path.absolute()), "variable": variable, "index": index}
    with _lock:
        answer, content = _ask(request)
    if "dtype" in answer:
        array: npt.NDArray[Any] = np.frombuffer(content, answer["dtype"]).reshape(answer["shape"])
        answer["array"] = array
    return answer


def _ask(request: dict[str, object]) -> tuple[dict[str, Any], bytearray]:
    """Ask the running process, or a new one if it dies: an earlier file may have damaged it."""
    global _reader
    while True:
        is_new = _reader is None
        reader = _reader = _reader or _Reader()
        try:
            return reader.ask(request)
        except (EOFError, OSError):
            _reader = None
            how = reader.end()
            if is_new:
                raise ReaderDiedError(how) from None
        except BaseException:  # the rest of an interrupted answer would be read as the next one
            _reader = None
            reader.end()
            raise


def _exactly(pipe: BinaryIO, size: int) -> bytearray:
    content = bytearray(size)
    place = 0
    while place < size:
        count = cast(Any, pipe).readinto(memoryview(content)[place:])
        if not count:
            raise EOFError
        place += count
    return content


def _end() -> None:
    global _reader
    if _reader is not None:
        _reader.end()
        _reader = None


def _start_afresh() -> None:
    """Reset in a forked child: a thread of the parent may hold the lock, and the process is the parent's."""
    global _reader, _lock
    _lock = threading.Lock()
    if _reader is not None:
        _reader.leave()
        _reader = None


atexit.register(_end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)
