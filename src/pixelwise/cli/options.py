"""Options that several verbs share."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.core.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Classes = Annotated[
    str | None,
    typer.Option(
        "--classes",
        metavar="LIST",
        help='Which classes, e.g. "background,person,animal=cat+dog"; all others become void.',
    ),
]
CRF = Annotated[bool, typer.Option("--crf", help="Refine labels along the picture's edges with a dense CRF.")]
_PRESETS = (
    "Parameters of the CRF: densecrf, deeplab, deeplab-msc, deeplab-coco (the default), or a file that "
    "pixelwise crf-search wrote."
)
Preset = Annotated[str | None, typer.Option("--crf-preset", metavar="NAME|FILE", help=_PRESETS)]
CRFPreset = Annotated[
    str | None,
    typer.Option("--crf-preset", metavar="NAME|FILE", help=f"{_PRESETS} Switches --crf on."),
]
Ids = Annotated[
    Path | None,
    typer.Option(
        "--list", metavar="FILE", help="Use only the pictures whose ids this file lists, one per line."
    ),
]
Head = Annotated[
    str | None,
    typer.Option(
        "--head",
        metavar="NAME",
        help="Which set of labels, if the data has several, such as semantic and geometric.",
    ),
]
MODELS = "Bundled model, model file (.onnx, .xml, .pt or .safetensors), or run folder"
Model = Annotated[str, typer.Argument(metavar="MODEL", help=f"{MODELS}.")]
Scales = Annotated[
    str | None,
    typer.Option(
        "--scales",
        metavar="LIST",
        help="Test-time augmentation: average the probabilities over scales such as 0.75,1,1.25.",
    ),
]
Flip = Annotated[
    bool, typer.Option("--flip", help="Test-time augmentation: also average over the mirror image.")
]
Only = Annotated[
    str | None,
    typer.Option("--only", metavar="LIST", help="Classes to keep, e.g. person,cat; others are background."),
]
Largest = Annotated[
    bool, typer.Option("--largest", help="Keep only the largest region that is not background.")
]
FillHoles = Annotated[
    bool, typer.Option("--fill-holes", help="Background that lies inside one class gets that class.")
]
MinRegion = Annotated[
    str | None,
    typer.Option(
        "--min-region",
        metavar="SHARE",
        help="Regions below this share of the picture, e.g. 0.1%, get the class of their neighbours.",
    ),
]
Opacity = Annotated[
    float | None,
    typer.Option("--opacity", min=0, max=1, help="Opacity of the tints of overlays, 0 to 1; default: 0.45."),
]
Legend = Annotated[
    bool | None,
    typer.Option(
        "--legend/--no-legend",
        help="Class names below overlays, a scale below confidence maps; default: not in videos.",
        show_default=False,
    ),
]
Background = Annotated[
    str | None,
    typer.Option(
        "--background",
        metavar="transparent|#rrggbb|blur|FILE",
        help="Background of cutouts: transparent (the default), a colour, the blurred photo, or a picture.",
    ),
]
Rank = Annotated[
    str | None,
    typer.Option(
        "--rank",
        metavar="uncertain",
        help="At the end, list the pictures, most uncertain first, to choose what to label next.",
    ),
]
Split = Annotated[str | None, typer.Option(help="One split; default: every usual split that exists.")]
OneSplit = Annotated[str, typer.Option("--split", help="Which split; all: every usual split together.")]
DataArgument = Annotated[
    str, typer.Argument(metavar="KIND:PATH", help="Kinds and their options: see `pixelwise data`.")
]
Data = Annotated[str, typer.Option("--data", metavar="KIND:PATH", help="Kinds: see `pixelwise data`.")]
DataFolder = Annotated[Path, typer.Option("--output", "-o", help="Folder to write, with classes.txt.")]
RecipeName = Annotated[
    str, typer.Argument(metavar="RECIPE", help="Name of a recipe; an unknown name lists all of them.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a field of the recipe; may be repeated."),
]
Trimap = Annotated[
    bool, typer.Option("--trimap", help="Judge the pixels near void and near class borders separately.")
]
Boundary = Annotated[bool, typer.Option("--boundary", help="Judge outlines: boundary IoU and boundary F1.")]
RunFolder = Annotated[Path | None, typer.Option("--output", "-o", help="Run folder; by default runs/RECIPE.")]
Devices = Annotated[
    int,
    typer.Option(
        "--devices", min=1, max=256, help="Processes on this machine, with a GPU each if there are any."
    ),
]
Nodes = Annotated[
    int, typer.Option("--nodes", min=1, max=4096, help="Number of machines; run this command on each.")
]
FindRate = Annotated[
    bool,
    typer.Option(
        "--find-rate", help="Try several learning rates for a few steps, print their losses, and stop."
    ),
]
TrainingPrecision = Annotated[
    str | None,
    typer.Option(
        "--precision",
        metavar="NAME",
        help="The same as --set precision=NAME: float32, bfloat16, float16 or auto.",
    ),
]
Accelerator = Annotated[
    str | None,
    typer.Option(
        "--accelerator",
        metavar="NAME",
        help="The same as --set accelerator=NAME: cpu, gpu, or auto (a GPU if there is one).",
    ),
]
JSON = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
FiguresJSON = Annotated[bool, typer.Option("--json", help="Print one JSON object, figures in [0, 1].")]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, max=1024, help="Threads; default: all processors.")
]
Engine = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="onnxruntime, openvino or torch; auto: OpenVINO if installed, torch for .safetensors.",
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="NAME",
        help="float32, int8 (bundled models, int8 files), bfloat16; auto: int8 if fast and accurate here.",
    ),
]

LongSide = Annotated[
    int | None,
    typer.Option(
        "--long-side",
        metavar="PIXELS",
        min=1,
        max=20_000,
        help="Score pictures at most this long; default: the model's own size.",
    ),
]
Tiles = Annotated[
    str | None,
    typer.Option(
        "--tiles",
        metavar="auto|PIXELS",
        help="Score larger pictures in overlapping tiles of this side; auto: only pictures much larger "
        "than what the model sees.",
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="NAME",
        help="cpu, cuda, cuda:1, mps or xpu; auto: CUDA if the engine can use it, else cpu.",
    ),
]
Save = Annotated[
    str,
    typer.Option(
        "--save",
        metavar="KINDS",
        help="What to save, any of mask, overlay, cutout, confidence, probabilities, geotiff, labelme, yolo, "
        "geojson, coco, cvat, csv, with commas.",
    ),
]
Tolerance = Annotated[
    float,
    typer.Option(
        metavar="PIXELS",
        help="How far the outlines of labelme, yolo, geojson, coco, cvat may move, for fewer corners.",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace finished results, also those that you have changed.")
]
Submission = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Also write a .tgz of all masks for a test server.")
]
Frames = Annotated[
    str,
    typer.Option(metavar="first|all", help="Which frames of animations and pages of TIFF files to segment."),
]
Every = Annotated[
    int, typer.Option("--every", metavar="N", min=1, max=1_000_000, help="Take every Nth frame of a video.")
]
Smooth = Annotated[
    str | None,
    typer.Option(
        metavar="mean|crf",
        help="Smooth a video over time: by a running mean, or by the CRF over space and time.",
    ),
]
AllowPrivate = Annotated[
    bool,
    typer.Option(
        "--allow-private-urls", help="Also fetch URLs of this machine, of private networks, and file://."
    ),
]


Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        help="Work on a Ray cluster: local starts Ray here; auto or HOST:6379: the cluster of this machine.",
    ),
]


def check_ending(path: Path | None, *endings: str, option: str = "--output", any_case: bool = False) -> None:
    """Raise BadParameter unless the file to write has one of these endings."""
    if path is None:
        return
    name = path.name.lower() if any_case else path.name
    if not (path.suffix and name.endswith(endings)):
        raise typer.BadParameter(
            f"expected a name that ends in {' or '.join(endings)}, got {path}", param_hint=option
        )


def refuse(what: str, given: "Mapping[str, object]") -> None:
    """Raise BadParameter for the first option that has a value, since it does not apply to `what`."""
    for option, value in given.items():
        if value:
            raise typer.BadParameter(f"it does not apply to {what}; leave it out", param_hint=option)


@contextmanager
def wrong_usage() -> "Iterator[None]":
    """ValueErrors of the block are wrong usage: BadParameter. An ArgumentError stays: it names the option."""
    try:
        yield
    except ArgumentError:
        raise
    except ValueError as problem:
        raise typer.BadParameter(str(problem)) from None


def kinds(save: str, of_pictures: bool = False) -> tuple[str, ...]:
    """The kinds of results that --save names. Raises ArgumentError for an unknown one, and for one about all
    pictures if only those `of_pictures` can be saved.
    """
    from pixelwise.inference.results.kinds import expect_kinds

    named = tuple(dict.fromkeys(listed(save)))
    expect_kinds(named, of_pictures)
    return named


def one_of(value: str, allowed: "Sequence[str]", option: str) -> str:
    """The value itself. Raises BadParameter if it is not allowed."""
    if value not in allowed:
        raise typer.BadParameter(f"expected one of {', '.join(allowed)}, got {value}", param_hint=option)
    return value


def listed(text: str) -> list[str]:
    """The parts of NAME,NAME."""
    return [part.strip() for part in text.split(",") if part.strip()]


def parsed_size(text: str) -> tuple[int, int]:
    """(height, width) of HEIGHTxWIDTH. Raises BadParameter for other texts and for sides too large."""
    sides = text.strip().lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() and 1 <= int(side) <= 20_000 for side in sides):
        raise typer.BadParameter(
            f"expected HEIGHTxWIDTH, each from 1 to 20000, such as 375x500; got {text}", param_hint="--size"
        )
    return int(sides[0]), int(sides[1])
