"""Start this command in several processes, one per device, as torchrun does. It needs no torch.

The caller waits. The processes find each other. If one is lost, the others notice it and stop after a
checkpoint (processes.py).
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from types import FrameType

from pixelwise.core.errors import TrainingError
from pixelwise.core.terminal import note
from pixelwise.core.threads import processors

_GRACE = 60.0
"""After one process has failed and the others were asked to end, seconds until they are killed."""
_SPEECH = 10.0
"""Seconds until the others are asked to end. There is no wait if the failed process was killed, or is the
first on this machine, which reports faults that all of them find.
"""


def is_launched() -> bool:
    """Whether torchrun or `launch` started this process. RANK alone is not enough: other programs set it."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def is_first() -> bool:
    """Whether this process is the only one, or the one that reports faults which all of them find."""
    return not is_launched() or os.environ["RANK"] == "0"


def is_first_here() -> bool:
    """Whether this process is the only or the first one on its machine."""
    return not is_launched() or os.environ["LOCAL_RANK"] == "0"


_PASSED_ON = (signal.SIGINT, signal.SIGTERM)


def launch(devices: int, nodes: int, arguments: Sequence[str]) -> int:
    """Run `python -m pixelwise ARGUMENTS` once per device and return the exit code.

    SIGINT and SIGTERM stop the run after a checkpoint. With several nodes it is called on each. The
    environment variables MASTER_ADDR, MASTER_PORT and NODE_RANK say where they meet and which node this is.
    Raises TrainingError if they are missing or wrong.
    """
    place = _meeting_place(nodes)
    node = int(place.pop("NODE_RANK"))
    started: list[subprocess.Popen[bytes]] = []
    asked: set[int] = set()

    def pass_on(number: int, _: FrameType | None) -> None:
        asked.add(number)
        for process in started:
            process.terminate()

    # A terminal sends Ctrl-C to the processes too, and a second SIGINT would end them at once.
    before = {number: signal.signal(number, pass_on) for number in _PASSED_ON}
    try:
        for local in range(devices):
            environment = {
                "OMP_NUM_THREADS": str(max(1, processors() // devices)),
                **os.environ,
                **place,
                "TORCHELASTIC_RUN_ID": "pixelwise",
                "WORLD_SIZE": str(devices * nodes),
                "LOCAL_WORLD_SIZE": str(devices),
                "RANK": str(node * devices + local),
                "LOCAL_RANK": str(local),
                "GROUP_RANK": str(node),
            }
            command = [sys.executable, "-m", "pixelwise", *arguments]
            started.append(subprocess.Popen(command, env=environment))
        for process in started if asked else ():
            process.terminate()  # it may not have been started when the signal came
        code = _wait(started, node * devices, devices * nodes, asked)
        if code >= 0:
            return code
        return 130 if signal.SIGINT in asked and -code in _PASSED_ON else 1
    finally:
        for process in started:
            process.kill()
            process.wait()
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(
    started: Sequence["subprocess.Popen[bytes]"], first: int, everywhere: int, asked: Collection[int]
) -> int:
    """Wait until all have ended, and return the code of the first that failed, 0 if none did, minus the
    signal's number if one ended it. If one fails, the others are asked to end, and killed after a while.

    `first`: the rank of the first of these processes; `everywhere`: the number of processes on all nodes;
    `asked`: the signals that were passed on.
    """
    codes: list[int | None] = [None]
    failed, ask, force = 0, float("inf"), float("inf")
    while None in codes:
        time.sleep(0.1)
        codes = [process.poll() for process in started]
        failures = [(rank, code) for rank, code in enumerate(codes, first) if code]
        now = time.monotonic()
        if failures and not failed:
            rank, failed = failures[0]
            ask = now + (_SPEECH if failed > 0 and rank > first else 0)
            force = ask + _GRACE
            if failed < 0 and not (asked and -failed in _PASSED_ON):
                name = signal.Signals(-failed).name
                note(f"error: process {rank} of {everywhere} was ended by {name}")
        if now >= ask:
            ask = float("inf")
            for process in started:
                process.terminate()
        if now > force:
            for process in started:
                process.kill()
    return failed


def _meeting_place(nodes: int) -> dict[str, str]:
    names = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK")
    if nodes == 1:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return dict(zip(names, ("127.0.0.1", str(free.getsockname()[1]), "0"), strict=True))
    given: Mapping[str, str] = {name: os.environ[name] for name in names if name in os.environ}
    if missing := [name for name in names if name not in given]:
        raise TrainingError(
            f"--nodes {nodes} needs {', '.join(missing)} in the environment",
            "on every node set MASTER_ADDR and MASTER_PORT to the first node's, NODE_RANK to 0, 1, ...; "
            "or use torchrun",
        )
    for name, limit in (("MASTER_PORT", 2**16), ("NODE_RANK", nodes)):
        if not (given[name].isdecimal() and int(given[name]) < limit):
            raise TrainingError(
                f"{name} must be a whole number from 0 to {limit - 1}, got {given[name]!r}",
                "NODE_RANK is 0 on the first node, MASTER_PORT the same free port on every node",
            )
    return dict(given)
