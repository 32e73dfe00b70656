"""`pixelwise segment --ray local` against the plain command, and how throughput grows with workers.

    python benchmarks/cluster.py [--pictures 300] [--model default] [--workers 1,2] [--crf]

The pictures are JPEG photos of 500x375 pixels. `start` is the time until the first picture is done, in which
processes start and load the model; `rate` is that of the others. `driver` is the processor time of the
command itself for a picture, which bounds how many workers one command can feed.
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

from PIL import Image

from pixelwise import distributed
from pixelwise.inference.segment_files import Outcome
from pixelwise.workflows.segmenting import SegmentedFolder, segment_folder

EXAMPLES = ("chelsea.png", "astronaut.png", "grace_hopper.jpg", "camera.png")


class Clock:
    """When pictures were done."""

    def __init__(self) -> None:
        self.began, self.first = time.perf_counter(), 0.0

    def __call__(self, done: int, total: int, outcome: Outcome) -> None:
        if outcome.problem is not None:
            raise outcome.problem
        if done == 1:
            self.first = time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--model", default="default")
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--crf", action="store_true")
    given = parser.parse_args()
    crf = "deeplab-coco" if given.crf else None
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        size = write(place / "photos", given.pictures)
        print(
            f"{given.pictures} pictures of {size / given.pictures / 1000:.0f} kB; {os.cpu_count()} processors"
        )
        print("                 whole     start       rate   driver   output a picture")
        for count in map(int, given.workers.split(",")):
            clock, before = Clock(), processor_seconds()
            done = segment_folder(
                place / "photos", place / f"plain{count}", given.model, ("mask",),
                threads=count, crf=crf, on_picture=clock,
            )  # fmt: skip
            plain = report(f"plain, {count}", clock, done, None)
            clock, before = Clock(), processor_seconds()
            done = distributed.segment(
                place / "photos", place / f"ray{count}", given.model, ("mask",),
                workers=count, crf=crf, on_picture=clock,
            )  # fmt: skip
            ray = report(f"workers, {count}", clock, done, processor_seconds() - before)
            print(f"   rate against plain {ray / plain - 1:+.1%}")


def write(folder: Path, count: int) -> int:
    """Write so many photos; returns their size in bytes."""
    folder.mkdir()
    examples = Path(__file__).parents[1] / "examples"
    photos = [Image.open(examples / name).convert("RGB").resize((500, 375)) for name in EXAMPLES]
    for index in range(count):
        photos[index % len(photos)].save(folder / f"{index:05}.jpg", quality=90)
    return sum(path.stat().st_size for path in folder.iterdir())


def processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def report(name: str, clock: Clock, done: SegmentedFolder, driver: float | None) -> float:
    """Print a line; returns pictures per second after the first."""
    end = time.perf_counter()
    count = len(done.outcomes)
    rate = (count - 1) / (end - clock.first)
    used = "" if driver is None else f"{1000 * driver / count:.1f} ms"
    output = (
        sum(path.stat().st_size for outcome in done.outcomes for path in outcome.outputs.values()) / count
    )
    print(
        f"{name:14} {end - clock.began:6.1f} s  {clock.first - clock.began:6.1f} s  {rate:6.2f} /s"
        f"  {used:>8}  {output / 1000:.1f} kB"
    )
    return rate


if __name__ == "__main__":
    main()
