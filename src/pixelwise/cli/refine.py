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
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture.")],
    given: Annotated[
        Path,
        typer.Argument(
            metavar="LABELS|NPZ|NPY",
            help="PNG whose pixel values are class ids, 255 where unknown; or .npz with an array "
            '"probabilities" or "scores" (classes x height x width) and optional "classes" (names) and '
            '"palette", as pixelwise segment --save probabilities writes; or .npy with probabilities.',
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help=".png for labels, .npz for probabilities.")
    ],
    crf_preset: options.Preset = None,
    confidence: Annotated[
        float, typer.Option(help="Confidence in the given labels, as a probability.")
    ] = 0.7,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")] = False,
    threads: options.Threads = None,
) -> None:
    """Refine a segmentation from any source with a dense CRF.

    Labels keep their ids and palette. Pixels of 255 get the most probable of the classes in the file.
    Probabilities of a smaller size are interpolated to the picture's size.
    """
    from pixelwise.core.errors import ImageError
    from pixelwise.core.pictures.writing import write_picture
    from pixelwise.inference.crf_refiner import DEFAULT_PRESET, CRFRefiner
    from pixelwise.inference.external_results import read_given, refine_given

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
    kind = "mask" if output.suffix.lower() == ".png" else "probabilities"
    if kind == "mask":
        write_picture(output, before.mask(result))
    else:
        result.save_probabilities(output)
    notes = [f"{result.size[1]}x{result.size[0]}", *result.notes([kind])]
    say(f"{output}  ({', '.join(notes)}, {time.perf_counter() - start:.2f} s)")
