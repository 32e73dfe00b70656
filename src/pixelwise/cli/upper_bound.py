"""`pixelwise upper-bound`: the best mean IoU that a coarser grid allows on a labelled split."""

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli import options, tables
from pixelwise.cli.progress import progress
from pixelwise.core.terminal import say, say_json

if TYPE_CHECKING:
    from pixelwise.evaluation.metrics.confusion import Floats
    from pixelwise.evaluation.upper_bound import Convention

EXAMPLES = (
    "pixelwise upper-bound voc:VOC2012 --split val",
    "pixelwise upper-bound folder:my_images --factors 32,16,8 --json",
)


def upper_bound(
    data: Annotated[
        str, typer.Argument(metavar="KIND:PATH", help="A labelled data set; photos are not needed.")
    ],
    split: options.OneSplit = "val",
    classes: options.Classes = None,
    head: options.Head = None,
    factors: Annotated[
        str, typer.Option(metavar="LIST", help="Factors by which the labels are reduced, in pixels.")
    ] = "128,64,32,16,8,4",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, figures in [0, 1].")
    ] = False,
) -> None:
    """Compute the best mean IoU on a coarser grid: that of labels reduced by a factor and enlarged again.

    FCN's appendix A does not say how labels are resampled and how void is treated, so every plausible
    convention has a row. With VOC's 21 classes the first row has the paper's figures, and every row its
    distance from them.
    """
    from pixelwise.data import open_dataset
    from pixelwise.evaluation.metrics.confusion import number
    from pixelwise.evaluation.upper_bound import upper_bounds

    steps = _parsed(factors)
    dataset = open_dataset(data, split, classes, head=head)
    with progress(f"resampling {dataset.name}", len(dataset)) as tell:
        bounds = upper_bounds(dataset, steps, progress=tell)
    if as_json:
        rows = [
            {
                "reduce": c.reduce,
                "enlarge": c.enlarge,
                "void": c.void,
                "over": c.over,
                "mean_iou": [number(float(v)) for v in figures],
            }
            for c, figures in bounds.items()
        ]
        say_json({"images": len(dataset), "factors": steps, "conventions": rows})
    else:
        say(f"{dataset.name}: {len(dataset)} images; mean IoU in per cent by factor")
        _print(bounds, steps, dataset.classes.names)


def _parsed(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and 1 <= int(part) <= 4096 for part in parts):
        raise typer.BadParameter(f"expected whole numbers from 1 to 4096, got {text}", param_hint="--factors")
    return tuple(int(part) for part in parts)


def _print(bounds: "dict[Convention, Floats]", factors: tuple[int, ...], classes: tuple[str, ...]) -> None:
    import numpy as np

    from pixelwise.data.sources.voc import VOC_CLASSES
    from pixelwise.evaluation.upper_bound import PAPER

    compared = list(classes) == VOC_CLASSES and set(factors) <= set(PAPER)
    texts = ("reduced by", "enlarged", "void", "mean over")
    figures_of = (*map(str, factors), *(("mean gap", "largest") if compared else ()))
    rows = []
    if compared:
        rows.append(["the paper", "", "", "", *(f"{PAPER[factor]:.1f}" for factor in factors)])
    for convention, figures in bounds.items():
        row = [*dataclasses.astuple(convention), *(f"{100 * v:.1f}" for v in figures)]
        if compared:
            gaps = np.abs(100 * figures - [PAPER[factor] for factor in factors])
            row += [f"{gaps.mean():.2f}", f"{gaps.max():.1f}"]
        rows.append(row)
    tables.show((*texts, *figures_of), rows, texts)
