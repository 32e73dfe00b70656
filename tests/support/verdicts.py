"""The rule for hostile input, and a way to hold a command to it quickly.

Whatever a file holds, a command must end by itself within a minute of computing and within 2 GB, without a
signal or a traceback, name the file it refuses, write nothing outside its output folder and leave nothing
half-written.

`run` asks a process that has pixelwise imported and no threads to fork: a case costs milliseconds, and what
the calling process has loaded or started does not matter.
"""

import atexit
import contextlib
import functools
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

SECONDS = 60
PATIENCE = 600  # a command that waits and does not compute, on a busy machine, is ended after this time
MEGABYTES = 2000


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit code (minus the signal's number if one ended it), what it printed, how
    long it computed, and by how much its largest memory exceeded what it began with.
    """

    code: int
    stdout: str
    stderr: str
    seconds: float
    megabytes: float


def run(arguments: Sequence[str], folder: Path, *modules: str) -> Outcome:
    """Run `pixelwise ARGUMENTS` in `folder`. `modules` are imported once for all runs."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps([list(arguments), str(folder), list(modules)]) + "\n")
    server.stdin.flush()
    return Outcome(**json.loads(server.stdout.readline()))


def broken_rules(outcome: Outcome, named: str | None = None) -> list[str]:
    """Which rules a command broke, a sentence each. `named`: what it must name when it does not succeed."""
    faults = []
    if outcome.code < 0:
        faults.append(f"ended by signal {-outcome.code} after {outcome.seconds:.0f} s of computing")
    if outcome.seconds > SECONDS:
        faults.append(f"computed for {outcome.seconds:.0f} s")
    if "Traceback" in outcome.stderr or "unexpected" in outcome.stderr:
        faults.append(f"an error that nobody foresaw: {outcome.stderr[-400:]}")
    if "Warning:" in outcome.stderr:
        faults.append(f"a library's warning reached the screen: {outcome.stderr[-400:]}")
    if outcome.megabytes > MEGABYTES:
        faults.append(f"took {outcome.megabytes:.0f} MB")
    if outcome.code > 0 and "error: " not in outcome.stderr and "fault" not in outcome.stdout:
        faults.append(f"exit code {outcome.code} without a word")
    if outcome.code > 0 and named is not None and named not in outcome.stderr + outcome.stdout:
        faults.append(f"{named} is not named in: {(outcome.stderr + outcome.stdout)[-400:]}")
    raw = [c for c in outcome.stderr + outcome.stdout if c not in "\n\t" and (c < " " or c == "\x7f")]
    if raw:
        faults.append(f"control characters reach the terminal: {sorted(set(raw))}")
    return faults


def left_behind(folder: Path) -> list[str]:
    """Files under `folder` that a command had not finished."""
    return sorted(str(path) for path in folder.rglob("*") if path.name.endswith((".partial", ".tmp")))


@functools.cache
def _server() -> "subprocess.Popen[str]":
    server = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    atexit.register(server.communicate)  # closes its input, at which it ends
    return server


def _serve() -> None:
    """Answer each line of standard input, a command, with a line that tells its outcome."""
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for line in requests:
        arguments, folder, modules = json.loads(line)
        for module in ("pixelwise.cli.main", *modules):
            importlib.import_module(module)
        print(json.dumps(asdict(_run(arguments, Path(folder)))), file=answers, flush=True)


def _run(arguments: Sequence[str], folder: Path) -> Outcome:
    texts = [folder / ".stdout", folder / ".stderr"]
    before = time.monotonic()
    child = os.fork()
    if child == 0:
        _command(arguments, folder, texts)
    status, usage = _ended(child, before + PATIENCE)
    code = os.waitstatus_to_exitcode(status)
    stdout, stderr = (path.read_text(errors="backslashreplace") for path in texts)
    for path in texts:
        path.unlink()
    started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = usage.ru_utime + usage.ru_stime
    return Outcome(code, stdout, stderr, seconds, (usage.ru_maxrss - started) / 1024)


def _command(arguments: Sequence[str], folder: Path, texts: Sequence[Path]) -> None:
    """The child's part: never returns."""
    code = 1
    try:
        os.setpgid(0, 0)
        os.chdir(folder)
        for number, path in enumerate(texts, start=1):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        sys.argv = ["pixelwise", *arguments]
        from pixelwise.cli.main import main

        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _ended(child: int, deadline: float) -> tuple[int, resource.struct_rusage]:
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            return status, usage
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
        time.sleep(0.002)


if __name__ == "__main__":
    _serve()
