"""CPU seconds until something happens: importing, asking for help, segmenting one photo from a cold start.

    python benchmarks/startup.py [--runs 7]

Each run is a process of its own; user and system time of all its threads are added up. The first run of
each, which fills the file cache, is not counted.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from pixelwise import load

PHOTO = Path(__file__).parent.parent / "examples/chelsea.png"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as output:
        segment = ["-m", "pixelwise", "segment", str(PHOTO), "--output", output, "--overwrite"]
        cases = {
            "import pixelwise": ["-c", "import pixelwise"],
            "pixelwise --help": ["-m", "pixelwise", "--help"],
            "pixelwise segment chelsea.png": segment,
        }
        print(f"segmenting by {type(load('default').engine).__name__}")
        for name, arguments in cases.items():
            cpu_seconds(arguments)  # fills the file cache
            seconds = sorted(cpu_seconds(arguments) for _ in range(runs))
            spread = f"{seconds[0]:.2f} to {seconds[-1]:.2f}"
            print(f"{name:32} {statistics.median(seconds):.2f} s CPU  ({spread}, {runs} runs)")


def cpu_seconds(arguments: list[str]) -> float:
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise RuntimeError(f"{arguments} failed")
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
