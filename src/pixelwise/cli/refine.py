"""`pixelwise refine`: refine labels or probabilities along the edges of their picture."""

import time
from math import isnan
from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli import options
from pixelwise.core.terminal import counted, say

EXAMPLES = (
    "pixelwise refine photo.jpg labels.png -o refined.png",
    "pixelwise refine photo.jpg photo_probabilities.npz -o refined.npz --overwrite",
)
_Image = Annotated[
    Path,
    typer.Argument(
        metavar="IMAGE", help="The picture, or a folder of them; with --video a folder of frames."
    ),
]
_Given = Annotated[
    Path,
    typer.Argument(
        metavar="LABELS|NPZ|NPY",
        help="PNG whose pixel values are class ids, 255 where unknown; or .npz with an array "
        '"probabilities" or "scores" (classes x height x width) and perhaps "classes" (names) and '
        '"palette", as pixelwise segment --save probabilities writes, or one array of any name; or .npy with '
        "probabilities; or a folder of such files named like the pictures: NAME.png, NAME_mask.png, "
        "NAME.npy, NAME.npz, NAME_probabilities.npz.",
    ),
]
_Output = Annotated[
    Path,
    typer.Option(
        *("--output", "-o"),
        metavar="OUT",
        help=".png for labels, .npz for probabilities; for folders and --video a folder.",
    ),
]
_Confidence = Annotated[
    float | None,
    typer.Option(help="Confidence in the given labels, as a probability; default: 0.7.", show_default=False),
]
_Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")]
_Iterations = Annotated[
    Path | None,
    typer.Option(
        "--show-iterations",
        metavar="FILE",
        help="Draw labels, score and belief maps over the iterations (.png).",
    ),
]
_Array = Annotated[
    str | None, typer.Option("--array", metavar="NAME", help="Which array of an .npz file with several.")
]
_Save = Annotated[
    str | None,
    typer.Option(
        metavar="KINDS",
        help="For folders, what to save: mask (the default), overlay, cutout, confidence, probabilities, "
        "geotiff, labelme, yolo, geojson.",
    ),
]
_Video = Annotated[
    bool, typer.Option("--video", help="Refine a clip over space and time; measure its flicker.")
]


def refine(
    image: _Image,
    given: _Given,
    output: _Output,
    crf_preset: options.Preset = None,
    confidence: _Confidence = None,
    overwrite: _Overwrite = False,
    threads: options.Threads = None,
    iterations: _Iterations = None,
    video: _Video = False,
    array: _Array = None,
    save: _Save = None,
) -> None:
    """Refine a segmentation from any source with a dense CRF.

    Labels keep their ids and their palette. Pixels of 255 get the label that fits best. The result has no
    classes that the file does not have. Probabilities of a reduced size are interpolated to the picture's.

    For a folder of pictures, results are OUT/NAME_mask.png and so on. If you repeat a run, it skips finished
    pictures. Exit code 1 if a picture could not be refined.

    With --video, the CRF also connects pixels of neighbouring frames. Large frames are refined on smaller
    copies. An interrupted run continues with its first unfinished frame. Flicker is the share of pixels that
    change their label between two frames although no channel of the picture changes by 8 grey levels or more.
    If all pixels change that much, flicker is not defined.
    """
    from pixelwise.inference.crf_refiner import DEFAULT_PRESET
    from pixelwise.workflows import refine_file, refine_video

    asked = (image, given, output, crf_preset or DEFAULT_PRESET, confidence)
    with options.wrong_usage():
        if video:
            beside = {"--array": array, "--save": save, "--show-iterations": iterations}
            options.refuse("a clip", beside)
            clip = refine_video(*asked, overwrite=overwrite, threads=threads)
            before, after = ("not defined" if isnan(x) else f"{x:.2%}" for x in (clip.before, clip.after))
            change = f"flicker {before} before, {after} after"
            say("; ".join([f"{clip.path}: {counted(clip.frames, 'frame')}", change, *clip.notes]))
        elif image.is_dir():
            options.refuse("a folder of pictures", {"--show-iterations": iterations})
            _folder(asked, overwrite, threads, array, options.kinds(save or "mask", of_pictures=True))
        else:
            options.refuse("a single picture, whose result --output names", {"--save": save})
            made = refine_file(*asked, overwrite, threads, iterations, array)
            notes = ", ".join([f"{made.size[1]}x{made.size[0]}", *made.notes])
            say(f"{made.path}  ({notes}, {made.seconds:.2f} s)")


def _folder(
    asked: tuple[Path, Path, Path, str, float | None],
    overwrite: bool,
    threads: int | None,
    array: str | None,
    save: tuple[str, ...],
) -> None:
    from pixelwise.cli.segment_report import printing, show
    from pixelwise.workflows import refine_folder

    start = time.perf_counter()
    with printing(False, "refining") as told:
        done = refine_folder(*asked, overwrite, threads, array, save=save, on_picture=told["on_picture"])
    show(done, time.perf_counter() - start, "refined")
    if done.failed:
        raise typer.Exit(1)
