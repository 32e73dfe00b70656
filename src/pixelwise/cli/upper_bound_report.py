"""What `pixelwise upper-bound` prints: a row for each convention, beside the paper's figures."""

import dataclasses
from typing import TYPE_CHECKING, Any

from pixelwise.cli import tables
from pixelwise.core.terminal import counted, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixelwise.data import LabelledImages
    from pixelwise.evaluation.metrics.confusion import Floats
    from pixelwise.evaluation.upper_bound import Convention


def as_plain(bounds: "Mapping[Convention, Floats]") -> list[dict[str, Any]]:
    """Each convention and its figures in [0, 1], as plain data."""
    from pixelwise.evaluation.metrics.confusion import number

    return [
        {**dataclasses.asdict(convention), "mean_iou": [number(float(value)) for value in figures]}
        for convention, figures in bounds.items()
    ]


def show(dataset: "LabelledImages", bounds: "Mapping[Convention, Floats]", factors: tuple[int, ...]) -> None:
    """Print the figures in per cent; with VOC's classes also the paper's, and the distance from them."""
    import numpy as np

    from pixelwise.data.sources.voc import VOC_CLASSES
    from pixelwise.evaluation.upper_bound import PAPER

    say(f"{dataset.name}: {counted(len(dataset), 'image')}; mean IoU in per cent by factor")
    compared = list(dataset.classes.names) == VOC_CLASSES and set(factors) <= set(PAPER)
    texts = ("reduced by", "enlarged", "void", "mean over")
    figures_of = (*map(str, factors), *(("mean gap", "largest") if compared else ()))
    rows = []
    if compared:
        rows.append(["the paper", "", "", "", *(f"{PAPER[factor]:.1f}" for factor in factors), "", ""])
    for convention, figures in bounds.items():
        row = [*dataclasses.astuple(convention), *(f"{100 * v:.1f}" for v in figures)]
        if compared:
            gaps = np.abs(100 * figures - [PAPER[factor] for factor in factors])
            row += [f"{gaps.mean():.2f}", f"{gaps.max():.1f}"]
        rows.append(row)
    tables.show((*texts, *figures_of), rows, texts)
