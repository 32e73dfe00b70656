"""`pixelwise segment --ray local` against the plain command, and how throughput grows with workers.

    python benchmarks/cluster.py [--pictures 600] [--model default] [--workers 1,2] [--crf] [--idle 20000]

The pictures are JPEG photos of 500x375 pixels. Each row is one run; the masks of the plain command and of the
workers must be equal. `start` is the time until the first result is saved: processes start and load the
model. `rate` is that of the files from the first to the last, by their times. `driver` is the processor time
of the command itself for a picture, its start left out: it bounds how many workers one command can feed.

--idle N measures that bound alone: workers answer for N small pictures without reading them.

Not called ray.py, which would hide the package of that name.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from pixelwise import distributed
from pixelwise.core.classes import Classes
from pixelwise.distributed import segmenting
from pixelwise.distributed.stages import Done, Segment
from pixelwise.inference.probabilities import Area
from pixelwise.inference.segment_files import Outcome
from pixelwise.inference.sources.tasks import Task
from pixelwise.workflows.segmenting import SegmentedFolder, segment_folder

PHOTOS = (
    "examples/chelsea.png",
    "examples/astronaut.png",
    "tests/photos/grace_hopper.jpg",
    "examples/camera.png",
)


class Clock:
    """When pictures were done, and the processor time of this process until the first was."""

    def __init__(self) -> None:
        self.began, self.used = time.time(), 0.0

    def __call__(self, done: int, total: int, outcome: Outcome) -> None:
        if outcome.problem is not None:
            raise outcome.problem
        if done == 1:
            self.used = processor_seconds()


@dataclass(frozen=True)
class Idle(Segment):
    """A worker that answers for each picture of a block as if it had saved a mask."""

    def __call__(self) -> Callable[[Any], Done]:
        classes = Classes(("background", "person"), ((0, 0, 0), (192, 128, 128)))
        areas = [Area(0, "background", 0.7, 0.9), Area(1, "person", 0.3, 0.8)]

        def outcome(task: Task) -> Outcome:
            outputs = {"mask": Path(f"{task.stem}_mask.png")}
            return Outcome(task.path, None, (375, 500), (300, 400), areas, 0.1, outputs)

        return lambda content: Done(None, [outcome(task) for task in content], classes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--model", default="default")
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--crf", action="store_true")
    parser.add_argument("--idle", type=int, help="measure the command alone, with this number of pictures")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.idle:
            time_idle(Path(folder), given.idle)
        else:
            compare(Path(folder), given)


def compare(place: Path, given: argparse.Namespace) -> None:
    """Segment the same photos by the plain command and by workers."""
    size = write(place / "photos", given.pictures)
    crf = "deeplab-coco" if given.crf else None
    print(f"{given.pictures} pictures of {size / given.pictures / 1000:.0f} kB; {os.cpu_count()} processors")
    print("                 whole     start        rate    driver   output a picture")
    for count in map(int, given.workers.split(",")):
        plain = timed(f"plain, {count}", segment_folder, place, given.model, crf, threads=count)
        workers = timed(f"workers, {count}", distributed.segment, place, given.model, crf, workers=count)
        print(f"   rate against plain {workers / plain - 1:+.1%}")
        expect_equal(place / f"plain, {count}", place / f"workers, {count}")


def timed(
    name: str, segment: Callable[..., SegmentedFolder], place: Path, model: str, crf: str | None, **how: int
) -> float:
    """Segment the photos and print a line; returns the pictures per second after the first."""
    clock = Clock()
    done = segment(place / "photos", place / name, model, ("mask",), crf=crf, on_picture=clock, **how)
    end, used = time.time(), processor_seconds() - clock.used
    count = len(done.outcomes)
    files = [path.stat() for outcome in done.outcomes for path in outcome.outputs.values()]
    first, last = min(file.st_mtime for file in files), max(file.st_mtime for file in files)
    rate = (count - 1) / (last - first)
    print(
        f"{name:14} {end - clock.began:6.1f} s  {first - clock.began:6.1f} s  {rate:7.2f} /s"
        f"  {1000 * used / count:5.1f} ms  {sum(file.st_size for file in files) / count / 1000:.1f} kB"
    )
    return rate


def expect_equal(plain: Path, workers: Path) -> None:
    """Workers write the masks of the plain command, byte for byte."""
    masks = [
        {path.name: path.read_bytes() for path in folder.glob("*_mask.png")} for folder in (plain, workers)
    ]
    if not masks[0] or masks[0] != masks[1]:
        raise SystemExit(f"the masks of {workers.name} are not those of {plain.name}")


def time_idle(place: Path, count: int) -> None:
    """Print what a picture costs the command, if its workers cost nothing."""
    (place / "photos").mkdir()
    for index in range(count):
        (place / "photos" / f"{index:07}.jpg").touch()
    from cluster import Idle  # this file, under a name that workers can import

    segmenting.Segment = Idle  # type: ignore[attr-defined]
    clock, before = Clock(), processor_seconds()
    distributed.segment(place / "photos", place / "masks", save=("mask",), on_picture=clock)
    used, end = processor_seconds(), time.time()
    print(f"{count} pictures in {end - clock.began:.1f} s; the command's processor time for a picture:")
    print(f"{1e6 * (clock.used - before) / count:.0f} us until the first answer (lists files, starts Ray),")
    print(f"{1e6 * (used - clock.used) / count:.0f} us from there on; its memory: {peak_megabytes():.0f} MB")


def write(folder: Path, count: int) -> int:
    """Write `count` photos; return their size in bytes."""
    folder.mkdir()
    root = Path(__file__).parents[1]
    photos = [Image.open(root / name).convert("RGB").resize((500, 375)) for name in PHOTOS]
    for index in range(count):
        photos[index % len(photos)].save(folder / f"{index:05}.jpg", quality=90)
    return sum(path.stat().st_size for path in folder.iterdir())


def processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    main()
