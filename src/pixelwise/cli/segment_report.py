"""What `pixelwise segment` prints: each picture with its classes, and a summary."""

import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from pixelwise.cli import tables
from pixelwise.cli.messages import report
from pixelwise.cli.progress import progress
from pixelwise.core.terminal import note, say, say_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pixelwise.inference.segment_files import Outcome
    from pixelwise.workflows.segmenting import FolderJob

_MOST_TABLES = 3  # more pictures get a line each


def show(job: "FolderJob", start: float, as_json: bool) -> bool:
    """Run the job and print its outcomes as they come. False if a picture could not be segmented.

    start: the time by `time.perf_counter` from which the summary counts its seconds.
    """
    from pixelwise.core.pictures.reading import FIRST_FRAME

    one = _print_json if as_json else _print_table if len(job.tasks) <= _MOST_TABLES else _print_line
    counts: Counter[str] = Counter()
    finished: list[Outcome] = []
    with progress("segmenting", len(job.tasks), "pictures") as tell:
        for outcome in job.run():
            finished.append(outcome)
            tell(len(finished))
            if outcome.problem is not None:
                counts["failed"] += 1
                report(outcome.problem)
            else:
                counts["skipped" if outcome.skipped else "segmented"] += 1
            if outcome.problem is None or as_json:
                one(outcome)
    _print_summary(counts, time.perf_counter() - start, job.output)
    _print_left_out(sum(FIRST_FRAME in outcome.notes for outcome in finished), job.passed_over)
    if job.submission is not None:
        note(f"{job.submission}: {job.write_submission(finished)} pictures")
    return not counts["failed"]


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


def _print_summary(counts: Counter[str], seconds: float, output: "Path") -> None:
    if sum(counts.values()) < 2:
        return
    parts = [f"{counts['segmented']} segmented"]
    if counts["skipped"]:
        parts.append(f"{counts['skipped']} finished before (--overwrite makes them again)")
    if counts["failed"]:
        parts.append(f"{counts['failed']} failed, named above")
    note(f"{', '.join(parts)}; {seconds:.1f} s; results in {output}")


def _print_left_out(frames: int, passed_over: "Mapping[str, int]") -> None:
    """Report what was not segmented."""
    counts = {"files of several frames, but for the first": frames, **passed_over}
    for what, count in counts.items():
        if count:
            note(f"not segmented: {what}: {count}")
