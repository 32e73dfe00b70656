"""`pixelwise serve` as a process of its own."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The address and the process of `pixelwise serve ARGUMENTS` at a free port; it is stopped at the end."""
    command = [sys.executable, "-m", "pixelwise", "serve", "--port", "0", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        found = re.fullmatch(r"serving on (http://\S+); Ctrl-C stops\n", line)
        assert found is not None, line + process.stderr.read()
        yield found[1], process
    finally:
        process.terminate()
        process.wait(60)
        process.stderr.close()


def resident_megabytes(process: "subprocess.Popen[str]") -> float:
    """The memory that a process holds now."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) / 1024
