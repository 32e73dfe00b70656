"""`pixelwise eval`: evaluate a model on a labelled split."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli import options
from pixelwise.cli.evaluation_report import show
from pixelwise.cli.option_groups import (
    AugmentationOptions,
    InferenceOptions,
    RefinementOptions,
    SizeOptions,
)
from pixelwise.cli.progress import bars
from pixelwise.cli.ray_options import judging, loading_here
from pixelwise.core.terminal import note, say_json

if TYPE_CHECKING:
    from pixelwise.workflows.loading import LoadOptions

EXAMPLES = (
    "pixelwise eval default --data voc:VOC2012 --split val",
    "pixelwise eval runs/mine --data folder:my_images --report reports/mine",
)
_Judged = Annotated[
    str,
    typer.Argument(
        metavar="MODEL|masks:FOLDER",
        help=f"{options.MODELS}; or masks:FOLDER, masks that another program made, named ID.png, "
        "ID_mask.png or ID.npy after the ids of the pictures.",
    ),
]
_AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="With masks:FOLDER: leave out pictures without a mask.")
]
_Report = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Write a page with all figures, charts and example images."),
]


def evaluate(
    model: _Judged,
    data: options.Data,
    split: options.OneSplit = "val",
    classes: options.Classes = None,
    ids: options.Ids = None,
    head: options.Head = None,
    trimap: options.Trimap = False,
    boundary: options.Boundary = False,
    allow_missing: _AllowMissing = False,
    report: _Report = None,
    as_json: options.FiguresJSON = False,
    ray: options.Ray = None,
    *,
    sizes: SizeOptions,
    augmentation: AugmentationOptions,
    refinement: RefinementOptions,
    inference: InferenceOptions,
) -> None:
    """Evaluate a model: pixel accuracy, mean accuracy, mean IoU, frequency-weighted IoU, with 95 % intervals.

    The data's classes are matched to the model's by name; classes that the model lacks become void.
    --trimap adds pixel accuracy and mean IoU by distance from void (DeepLab's trimap) and from borders
    between classes, for widths up to 40 pixels; --json prints every width. --report counts everything. It
    writes FOLDER/index.html, a page that works offline, and FOLDER/evaluation.json for pixelwise compare.

    The masks of another program hold class ids of the data (grey or palette PNG, .npy) or the classes'
    colours. masks:FOLDER,ids=file reads ids as in the data's label files; masks:FOLDER,foreground=255 reads
    masks of 0 and 255.
    """
    from pixelwise.workflows.evaluating import report_on

    loading: LoadOptions = {"threads": 1, "crf": refinement.preset(), "views": augmentation.views()}
    loading |= {**sizes.for_load(), **inference.for_load()}
    details = ("trimap", "class_borders") * trimap + ("boundary",) * boundary
    judge = partial(report_on, model, data, split, report=report, ids=ids, head=head, classes=classes)
    judge = partial(judge, **judging(ray, model, head, loading))
    loading = loading_here(ray, loading)
    with options.wrong_usage(), bars("evaluating") as tell:
        result = judge(details=details, allow_missing=allow_missing, on_image=tell, **loading)
    (say_json if as_json else show)(result)
    if report is not None:
        note(f"report: {report / 'index.html'}")
