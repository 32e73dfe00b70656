"""What `pixelwise segment` prints: each picture with its classes, and a summary."""

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pixelwise.cli import tables
from pixelwise.cli.messages import report
from pixelwise.cli.progress import counting
from pixelwise.core.terminal import note, say, say_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pixelwise.inference.segment_files import Outcome
    from pixelwise.workflows.segmenting import SegmentedFolder

_MOST_TABLES = 3  # more pictures get a line each


@contextmanager
def printing(as_json: bool, doing: str = "segmenting") -> "Iterator[Callable[[int, int, Outcome], None]]":
    """Yields a function that prints one outcome; it takes the number done and their total too."""
    with counting(doing, "pictures") as tell:

        def on_picture(done: int, total: int, outcome: "Outcome") -> None:
            tell(done, total)
            if outcome.problem is not None:
                report(outcome.problem)
            if as_json:
                _print_json(outcome)
            elif outcome.problem is None:
                (_print_table if total <= _MOST_TABLES else _print_line)(outcome)

        yield on_picture


def show(done: "SegmentedFolder", seconds: float, did: str = "segmented") -> None:
    """Print how many pictures were segmented, or what was done, in how many seconds; what was left out."""
    from pixelwise.core.pictures.reading import FIRST_FRAME

    skipped = sum(outcome.skipped for outcome in done.outcomes)
    failed = len(done.failed)
    if len(done.outcomes) > 1:
        parts = [f"{len(done.outcomes) - skipped - failed} {did}"]
        if skipped:
            parts.append(f"{skipped} finished before (--overwrite makes them again)")
        if failed:
            parts.append(f"{failed} failed, named above")
        note(f"{', '.join(parts)}; {seconds:.1f} s; results in {done.output}")
    frames = sum(FIRST_FRAME in outcome.notes for outcome in done.outcomes)
    for what, count in {"files of several frames, but for the first": frames, **done.passed_over}.items():
        if count:
            note(f"not {did}: {what}: {count}")
    if done.submission is not None:
        note(f"{done.submission}: {len(done.outcomes)} pictures")


def _print_json(outcome: "Outcome") -> None:
    record: dict[str, Any] = {"path": str(outcome.path)}
    if outcome.problem is not None:
        record["error"] = outcome.problem.message
    else:
        record |= {
            "height": outcome.size[0],
            "width": outcome.size[1],
            "scored_height": outcome.scored_size[0],
            "scored_width": outcome.scored_size[1],
            "classes": [
                {"id": entry.id, "name": entry.name, "area": entry.area, "confidence": entry.confidence}
                for entry in outcome.areas
            ],
            "seconds": round(outcome.seconds, 4),
            "outputs": {kind: str(path) for kind, path in outcome.outputs.items()},
            "notes": outcome.notes,
            "skipped": outcome.skipped,
        }
    say_json(record)


def _heading(outcome: "Outcome") -> str:
    facts = [f"{outcome.size[1]}x{outcome.size[0]}", *outcome.notes]
    facts.append("finished before" if outcome.skipped else f"{outcome.seconds:.2f} s")
    return f"{outcome.path}  ({', '.join(facts)})"


def _print_table(outcome: "Outcome") -> None:
    rows = [(f"  {e.name}", f"{e.area:.1%}", f"{e.confidence:.1%}") for e in outcome.areas]
    say(_heading(outcome))
    tables.show(("  class", "area", "confidence"), rows, texts=("  class",))
    for path in outcome.outputs.values():
        say(f"  {path}")
    sys.stdout.flush()


def _print_line(outcome: "Outcome") -> None:
    classes = ", ".join(f"{entry.name} {entry.area:.1%} ({entry.confidence:.0%})" for entry in outcome.areas)
    say(f"{_heading(outcome)}  {classes}")
