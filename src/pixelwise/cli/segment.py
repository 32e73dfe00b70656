"""`pixelwise segment`: photos in, masks and overlays out."""

import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelwise.cli import options, tables
from pixelwise.cli.messages import report
from pixelwise.cli.progress import progress
from pixelwise.core.terminal import note, say, say_json

if TYPE_CHECKING:
    from pixelwise.inference.segment_files import Outcome

EXAMPLES = (
    "pixelwise segment examples/chelsea.png",
    "pixelwise segment photos --save mask,overlay,cutout --output results --json",
)
_MOST_TABLES = 3  # more pictures get a line each


def segment(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT...", help="Pictures, folders (with subfolders), or patterns."),
    ],
    model: Annotated[
        str, typer.Option(help="Bundled model, .onnx or .safetensors file, or run folder.")
    ] = "default",
    output: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("segmentation"),
    save: Annotated[
        str, typer.Option(help="What to save, any of: mask,overlay,cutout,probabilities.")
    ] = "mask,overlay",
    crf: options.CRF = False,
    crf_preset: options.CRFPreset = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per picture.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make finished results again.")] = False,
    threads: options.Threads = None,
    engine: options.Engine = "auto",
    precision: options.Precision = "float32",
    ids: options.Ids = None,
    depth: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Depth, for a model that sees it: a file a picture.")
    ] = None,
    hha: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="HHA of pixelwise hha, for a model that sees it.")
    ] = None,
    submission: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A .tgz of all masks, as test servers take it.")
    ] = None,
) -> None:
    """Segment pictures: print which classes they show, and save masks and overlays.

    Reads AVIF, BMP, GIF, JPEG, JPEG 2000, PCX, PNG, PPM, PSD, QOI, SGI, Sun, TGA, TIFF and WebP, up to 400
    megapixels; the first frame of several; EXIF orientation is applied. Results of NAME.jpg are
    OUTPUT/NAME_mask.png (class ids in the picture's size, as a palette PNG), NAME_overlay.jpg,
    NAME_cutout.png (background transparent) and NAME_probabilities.npz (float16, C x H x W). A run that was
    interrupted or is repeated skips what is finished. Exit code 1 if a picture could not be segmented.

    With --crf a fully connected CRF sees the picture in its own size (beyond 2.4 megapixels with 7 classes:
    on the largest copy that takes 800 MB), and all results are of its beliefs.

    Files in the folders of --depth and --hha are called as their pictures are and have their size. Depth is
    read as the model's training data was: of nyud:, whole numbers are millimetres. --submission holds
    results/VOC2012/Segmentation/comp5_test_cls/ID.png for VOC's classes, testannot/ID.png for CamVid's.
    """
    from pixelwise.core.errors import ModelError
    from pixelwise.core.pictures.reading import FIRST_FRAME
    from pixelwise.core.threads import processors
    from pixelwise.data.sources.voc import read_list
    from pixelwise.inference.segment_files import listed, plan, run
    from pixelwise.inference.segmentation import KINDS
    from pixelwise.inference.submission import ENDINGS, check_submission, write_submission
    from pixelwise.workflows.loading import load
    from pixelwise.workflows.segmenting import with_partners

    options.check_engine(engine, precision)
    kinds = tuple(dict.fromkeys(options.listed(save)))
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise typer.BadParameter(
            f"expected any of {','.join(KINDS)}, got {','.join(unknown)}", param_hint="--save"
        )

    if submission is not None:
        if not submission.name.endswith(ENDINGS):
            raise typer.BadParameter(
                f"expected a name that ends in {' or '.join(ENDINGS)}, got {submission}",
                param_hint="--submission",
            )
        kinds = tuple(dict.fromkeys((*kinds, "mask")))
    start = time.perf_counter()
    passed_over: Counter[str] = Counter()
    tasks = plan(inputs, output, passed_over)
    tasks = tasks if ids is None else listed(tasks, set(read_list(ids)), str(ids))
    threads = processors() if threads is None else threads
    workers = min(threads, max(1, len(tasks)))
    preset = options.chosen_preset(crf, crf_preset)
    predictor = load(model, threads // workers, preset, engine=engine, precision=precision)
    predictor = with_partners(predictor, depth, hha)
    if submission is not None:
        check_submission(submission, predictor.classes)
    if "cutout" in kinds and predictor.classes.background is None:
        raise ModelError(
            f'model "{predictor.info.name}" has no background class, which a cutout needs',
            "leave cutout out of --save",
        )

    show = _print_json if as_json else _print_table if len(tasks) <= _MOST_TABLES else _print_line
    counts = {"segmented": 0, "skipped": 0, "failed": 0}
    frames, finished = 0, []
    outcomes = run(predictor, tasks, output, kinds, overwrite, workers)
    with progress("segmenting", len(tasks), "pictures") as tell:
        for done, outcome in enumerate(outcomes, start=1):
            tell(done)
            finished.append(outcome)
            frames += FIRST_FRAME in outcome.notes
            if outcome.problem is not None:
                counts["failed"] += 1
                report(outcome.problem)
            else:
                counts["skipped" if outcome.skipped else "segmented"] += 1
            if outcome.problem is None or as_json:
                show(outcome)
    _print_summary(counts, time.perf_counter() - start, output)
    _print_left_out(frames, passed_over)
    if submission is not None:
        note(f"{submission}: {write_submission(finished, predictor.classes, submission)} pictures")
    if counts["failed"]:
        raise typer.Exit(1)


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


def _print_summary(counts: dict[str, int], seconds: float, output: Path) -> None:
    if sum(counts.values()) < 2:
        return
    parts = [f"{counts['segmented']} segmented"]
    if counts["skipped"]:
        parts.append(f"{counts['skipped']} finished before (--overwrite makes them again)")
    if counts["failed"]:
        parts.append(f"{counts['failed']} failed, named above")
    note(f"{', '.join(parts)}; {seconds:.1f} s; results in {output}")


def _print_left_out(frames: int, passed_over: Counter[str]) -> None:
    """Report what was not segmented."""
    counts = {"files of several frames, but for the first": frames, **passed_over}
    for what, count in counts.items():
        if count:
            note(f"not segmented: {what}: {count}")
