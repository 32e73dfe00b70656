"""`pixelwise refine`: refine labels or probabilities along the edges of their picture."""

import time
from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli import options
from pixelwise.core.terminal import say

EXAMPLES = (
    "pixelwise refine photo.jpg labels.png -o refined.png",
    "pixelwise refine photo.jpg photo_probabilities.npz -o refined.npz --overwrite",
)
_ENDINGS = (".png", ".npz")


def refine(
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE", help="The picture; with --video a folder of frames.")
    ],
    given: Annotated[
        Path,
        typer.Argument(
            metavar="LABELS|NPZ|NPY",
            help="PNG whose pixel values are class ids, 255 where unknown; or .npz with an array "
            '"probabilities" or "scores" (classes x height x width) and perhaps "classes" (names) and '
            '"palette", as pixelwise segment --save probabilities writes; or .npy with probabilities; '
            "with --video a folder of such PNG files, called NAME.png or NAME_mask.png as the frames are.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            *("--output", "-o"),
            metavar="OUT",
            help=".png for labels, .npz for probabilities; with --video a folder.",
        ),
    ],
    crf_preset: options.Preset = None,
    confidence: Annotated[
        float, typer.Option(help="Confidence in the given labels, as a probability.")
    ] = 0.7,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")] = False,
    threads: options.Threads = None,
    show_iterations: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw labels, score and belief maps over the iterations (.png)."),
    ] = None,
    video: Annotated[
        bool, typer.Option("--video", help="Refine a clip over space and time; measure its flicker.")
    ] = False,
) -> None:
    """Refine a segmentation from any source with a dense CRF.

    Labels keep their ids and their palette; pixels of 255 get the label that fits best, and no class appears
    that the file does not have. Probabilities of a reduced size are interpolated to the picture's.

    With --video, pixels of neighbouring frames are alike too. Flicker is the share of pixels that change
    label between two frames where no channel of the picture changes by 8 grey levels or more.
    """
    if video:
        return _refine_clip(image, given, output, crf_preset, confidence, overwrite, threads)
    from pixelwise.core.errors import ImageError
    from pixelwise.core.pictures.writing import write_picture
    from pixelwise.inference.crf_refiner import DEFAULT_PRESET, CRFRefiner
    from pixelwise.inference.external_results import read_given, refine_given
    from pixelwise.inference.iterations import iteration_sheet

    if output.suffix.lower() not in _ENDINGS:
        raise typer.BadParameter(
            f"expected a name that ends in {' or '.join(_ENDINGS)}, got {output}", param_hint="--output"
        )
    if output.exists() and not overwrite:
        raise ImageError(f"{output} is there already", "--overwrite replaces it")
    refiner = CRFRefiner(crf_preset or DEFAULT_PRESET, threads)
    start = time.perf_counter()
    try:
        before = read_given(given, confidence)
    except ValueError as problem:
        raise typer.BadParameter(str(problem), param_hint="--confidence") from None
    result = refine_given(image, before, refiner)
    if show_iterations is not None:
        write_picture(show_iterations, iteration_sheet(image, before, refiner))
    kind = "mask" if output.suffix.lower() == ".png" else "probabilities"
    if kind == "mask":
        write_picture(output, before.mask(result))
    else:
        result.save_probabilities(output)
    notes = [f"{result.size[1]}x{result.size[0]}", *result.notes([kind])]
    say(f"{output}  ({', '.join(notes)}, {time.perf_counter() - start:.2f} s)")


def _refine_clip(
    frames: Path,
    labels: Path,
    output: Path,
    preset: str | None,
    confidence: float,
    overwrite: bool,
    threads: int | None,
) -> None:
    from pixelwise.inference.crf_refiner import DEFAULT_PRESET
    from pixelwise.workflows import refine_video

    try:
        done = refine_video(
            *(frames, labels, output, preset or DEFAULT_PRESET, confidence),
            overwrite=overwrite,
            threads=threads,
        )
    except ValueError as problem:
        raise typer.BadParameter(str(problem), param_hint="--confidence") from None
    say(f"{done.path}: {done.frames} frames; flicker {done.before:.2%} before, {done.after:.2%} after")
