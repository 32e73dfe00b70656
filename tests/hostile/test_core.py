"""Whatever arguments come, the core and the CRF return or raise an error that says what is wrong.

PIXELWISE_HOSTILE=N tries N calls.
"""

import os
import pickle
import resource
import signal
import warnings
from collections.abc import Callable
from pathlib import Path

import cases_core
import pytest

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

COUNT = int(os.environ.get("PIXELWISE_HOSTILE", "300"))
SECONDS = 60
BYTES = 2 * 10**9


def test_the_calls_that_cases_are_made_from_are_sound() -> None:
    names = [name for name, call in cases_core.sound(0) if call() is not NotImplemented]
    assert len(names) > 30


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a crash must not take the tests with it")
@pytest.mark.parametrize("part", range(10))
def test_wrong_arguments_are_refused_by_an_error_that_says_so(part: int, tmp_path: Path) -> None:
    faults = []
    tried = 0
    for name, call in cases_core.cases(COUNT // 10, part, tmp_path):
        tried += 1
        verdict = _in_a_child(call)
        if verdict:
            faults.append(f"{name}: {verdict}")
    assert tried == COUNT // 10
    assert faults == []


def _in_a_child(call: Callable[[], object]) -> str:
    """What was wrong with how a call ended; nothing if it returned or raised an error for its arguments."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.write(writing, pickle.dumps(_verdict(call)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        said = stream.read()
    _, status, usage = os.wait4(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    if usage.ru_maxrss * 1024 - resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > BYTES:
        return f"took {usage.ru_maxrss // 1024} MB"
    return str(pickle.loads(said))


def _verdict(call: Callable[[], object]) -> str:
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            call()
    except (ValueError, TypeError, MemoryError) as problem:
        return "" if str(problem) else f"{type(problem).__name__} without a word"
    except BaseException as problem:
        return f"{type(problem).__name__}: {problem}"
    return ""
