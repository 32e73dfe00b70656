"""What `pixelwise segment` prints: each picture with its classes, and a summary."""

import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypedDict

import typer

from pixelwise.cli import tables
from pixelwise.cli.messages import report
from pixelwise.cli.progress import counting
from pixelwise.core.terminal import counted, note, say, say_bytes, say_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pixelwise.inference.segment_files import Outcome
    from pixelwise.workflows.segmenting import SegmentedFolder

    class Told(TypedDict, total=False):
        """Arguments of segment_folder that it calls on the way."""

        on_picture: Callable[[int, int, Outcome], None]
        on_frame: Callable[[int, int | None], None]


_MOST_TABLES = 3  # more pictures get a line each
_MOST_NAMES = 3  # of files that were left out
_FRAMES = "further frames or pages of files"
_ADVICE = {
    _FRAMES: ": --frames all segments them too",
    "raw photos": ": convert them to JPEG or TIFF",
    "videos": ': pip install "pixelwise[video]"',
}


STDOUT = "-"
"""The output that stands for one result on standard output."""


@contextmanager
def destination(
    output: "Path", kinds: "Sequence[str]", as_json: bool, rank: str | None
) -> "Iterator[tuple[Path, Told]]":
    """Yields the folder for the results and what segment_folder calls on the way.

    If `output` is STDOUT, the folder is a temporary one, and its only result goes to standard output. Raises
    BadParameter if there are several `kinds`, `as_json` or a `rank` then.
    """
    if str(output) == STDOUT:
        with _piped(kinds, as_json or rank is not None) as (folder, told):
            yield folder, told
    else:
        with printing(as_json) as told:
            yield output, told


@contextmanager
def _piped(kinds: "Sequence[str]", prints: bool) -> "Iterator[tuple[Path, Told]]":
    import tempfile
    from pathlib import Path

    from pixelwise.core.errors import ImageError
    from pixelwise.inference.results.kinds import KINDS

    if len(kinds) != 1 or prints:
        raise typer.BadParameter(
            "standard output takes one kind of result, and no JSON or ranking, such as: --save mask -o -",
            param_hint="--output",
        )
    about_all = KINDS[kinds[0]].is_hidden
    results: list[Path] = []

    def on_picture(done: int, total: int, outcome: "Outcome") -> None:
        if total > 1 and not about_all:
            raise ImageError(
                f"standard output takes one result, and there are {total} pictures", "name a folder"
            )
        if outcome.problem is not None:
            report(outcome.problem)
        results.extend(outcome.outputs.values())

    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder), {"on_picture": on_picture}
        run_file = KINDS[kinds[0]].run_file
        if about_all and run_file is not None:
            results += [path for path in [Path(folder, run_file.name)] if path.exists()]
        for path in results:
            if path.is_dir():
                raise ImageError(
                    "standard output takes one file, and this result is a folder", "name a folder"
                )
            say_bytes(_for_here(path) if kinds[0] == "labelme" else path.read_bytes())


def _for_here(path: "Path") -> bytes:
    """labelme's file of a picture, named relative to the current folder and not to a temporary one."""
    import json
    import os

    content = json.loads(path.read_bytes())
    if content["imageData"] is None:
        picture = path.parent.resolve() / content["imagePath"]
        content["imagePath"] = os.path.relpath(picture).replace(os.sep, "/")
    return json.dumps(content, indent=2).encode()


@contextmanager
def printing(as_json: bool, doing: str = "segmenting") -> "Iterator[Told]":
    """Yields a function that prints one outcome, and one that counts the frames of a video."""
    with counting(doing, "pictures") as tell, ExitStack() as one_video:
        counts: list[Callable[[int, int], None]] = []
        several: list[bool] = []

        def on_frame(done: int, total: int | None) -> None:
            if not several and total is not None:  # two bars at a time are not possible
                if not counts:
                    counts.append(one_video.enter_context(counting("segmenting", "frames")))
                counts[0](done, total)

        def on_picture(done: int, total: int, outcome: "Outcome") -> None:
            one_video.close()
            counts.clear()
            several.extend([True] if total > 1 else [])
            tell(done, total)
            if outcome.problem is not None:
                report(outcome.problem)
            if as_json:
                _print_json(outcome)
            elif outcome.problem is None:
                (_print_table if total <= _MOST_TABLES else _print_line)(outcome)

        yield {"on_picture": on_picture, "on_frame": on_frame}


def show(
    done: "SegmentedFolder", seconds: float, did: str = "segmented", removing: "Sequence[str]" = ()
) -> None:
    """Print how many pictures were segmented, or what was done, in how many seconds; what was left out.

    removing: the options that may have removed what the model found.
    """
    from pixelwise.core.pictures.reading import FIRST_FRAME
    from pixelwise.inference.probabilities import NOTHING_FOUND

    skipped = sum(outcome.skipped for outcome in done.outcomes)
    failed = len(done.failed)
    if len(done.outcomes) > 1:
        parts = [f"{len(done.outcomes) - skipped - failed} {did}"]
        if skipped:
            parts.append(f"{skipped} finished before (--overwrite makes them again)")
        if failed:
            parts.append(f"{failed} failed, named above")
        note(f"{', '.join(parts)}; {seconds:.1f} s; results in {done.output}")
    several = [outcome.path for outcome in done.outcomes if FIRST_FRAME in outcome.notes]
    advice = _ADVICE if did == "segmented" else {}
    for what, paths in {_FRAMES: several, **done.passed_over}.items():
        if paths:
            note(f"not {did}: {what}: {len(paths)} ({_named(paths)}){advice.get(what, '')}")
    empty = list(dict.fromkeys(one.path for one in done.outcomes if NOTHING_FOUND in one.notes))  # of pages
    if empty and did == "segmented":
        note(
            f"nothing found in {_named(empty)}: none of the model's classes, or only small ones; try --tiles "
            "auto, or another --model (pixelwise models lists their classes)"
            if not removing
            else f"nothing is left in {_named(empty)}; to see what the model finds, leave out "
            f"{' and '.join(removing)}"
        )
    if files := [path for path in done.run_files if path.exists()]:  # not on standard output
        note(f"for all pictures: {', '.join(map(_shown, files))}")
    for remark in done.notes:
        note(remark)
    if done.submission is not None:
        note(f"{done.submission}: {counted(len(done.outcomes), 'picture')}")


def show_ranking(done: "SegmentedFolder", as_json: bool) -> None:
    """Print the pictures by how unsure the model is, the most uncertain first."""
    ranked = done.by_uncertainty()
    if as_json:
        pictures = [
            {"path": _shown(outcome.path), "page": outcome.page, "uncertainty": outcome.uncertainty}
            for outcome in ranked
        ]
        say_json({"rank": "uncertain", "pictures": pictures})
        return
    rows = [
        (str(place), f"{outcome.uncertainty:.1%}", f"{_shown(outcome.path)}{_page(outcome)}")
        for place, outcome in enumerate(ranked, start=1)
    ]
    tables.show(("rank", "uncertainty", "picture"), rows, texts=("picture",))


def _named(paths: "Sequence[str | Path]") -> str:
    """The first of them."""
    more = ", ..." if len(paths) > _MOST_NAMES else ""
    return ", ".join(map(_shown, paths[:_MOST_NAMES])) + more


def _page(outcome: "Outcome") -> str:
    return "" if outcome.page is None else f", page {outcome.page}"


def _print_json(outcome: "Outcome") -> None:
    record: dict[str, Any] = {"path": _shown(outcome.path)}
    if outcome.page is not None:
        record["page"] = outcome.page
    if outcome.frames is not None:
        record["frames"] = outcome.frames
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
            "uncertainty": outcome.uncertainty,
            "seconds": round(outcome.seconds, 4),
            "outputs": {kind: str(path) for kind, path in outcome.outputs.items()},
            "notes": outcome.notes,
            "skipped": outcome.skipped,
        }
    say_json(record)


def _heading(outcome: "Outcome") -> str:
    facts = [f"{outcome.size[1]}x{outcome.size[0]}", *outcome.notes]
    facts.append("finished before" if outcome.skipped else f"{outcome.seconds:.2f} s")
    return f"{_shown(outcome.path)}{_page(outcome)}  ({', '.join(facts)})"


def _shown(path: "Path | str") -> str:
    from pixelwise.inference.sources.urls import shown_url

    return shown_url(path) if isinstance(path, str) else str(path)


def _print_table(outcome: "Outcome") -> None:
    rows = [(f"  {e.name}", e.per_cent, f"{e.confidence:.1%}") for e in outcome.areas]
    say(_heading(outcome))
    tables.show(("  class", "area", "confidence"), rows, texts=("  class",))
    for path in dict.fromkeys(outcome.outputs.values()):
        say(f"  {path}")
    sys.stdout.flush()


def _print_line(outcome: "Outcome") -> None:
    classes = ", ".join(f"{entry.name} {entry.per_cent} ({entry.confidence:.0%})" for entry in outcome.areas)
    say(f"{_heading(outcome)}  {classes}")
