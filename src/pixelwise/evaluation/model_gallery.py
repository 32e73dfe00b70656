"""Models side by side on the same pictures, as in figures 4 and 6 of FCN and 6 and 7 of DeepLab v1."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from pixelwise.core.classes import RGB, Classes, voc_palette
from pixelwise.core.types import BANDS, VOID, Labels, RGBImage
from pixelwise.crf import Preset
from pixelwise.data import LabelledImages
from pixelwise.inference.crf_refiner import CRFRefiner
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.results.sheet import Row, cell, sheet
from pixelwise.inference.results.tints import TINTS, tints, visible_colour

_VOID: RGB = (224, 224, 192)


def model_gallery(
    predictors: Mapping[str, Predictor], dataset: LabelledImages, preset: Preset | None = None
) -> Image.Image:
    """A row per picture: the picture, the truth, and the labels of each model, by its title; with `preset`
    also those of each model refined in the CRF.

    A class has the colour that the data gives it in all columns. A class that only a model has keeps its own,
    or gets another if that is taken. Void is cream. Raises DataError for samples that cannot be read or lack
    what a model sees, ModelError for models that cannot be refined.
    """
    columns = list(predictors.items())
    if preset is not None:
        columns = [
            column
            for title, model in predictors.items()
            for column in ((title, model), (f"{title} + CRF", model.with_refiner(CRFRefiner(preset))))
        ]
    legend: dict[str, RGB] = {}
    rows: list[Row] = []
    of_bands = any(BANDS in model.inputs for model in predictors.values())
    shown = dataset.with_channels(BANDS) if of_bands else dataset
    for index in range(len(dataset)):
        sample = shown.read(index)
        cells = [Image.fromarray(sample.image), _map(sample.labels, dataset.classes, dataset.classes, legend)]
        for _, model in columns:
            seen = dataset.with_inputs(*model.inputs).read(index).stacked(model.inputs)
            cells.append(_map(model(seen).labels, model.classes, dataset.classes, legend))
        rows.append((sample.id, [cell(picture) for picture in cells]))
    return sheet(["picture", "truth", *(title for title, _ in columns)], rows, legend)


def _map(labels: Labels, own: Classes, shown: Classes, legend: dict[str, RGB]) -> Image.Image:
    """The labels in colours; `legend` gets the classes that occur."""
    table = np.full((256, 3), _VOID, np.uint8)
    for id_ in _ids(labels):
        name = own.names[id_]
        if name not in legend:
            legend[name] = _colour(name, own.palette[id_], shown, legend)
        table[id_] = legend[name]
    coloured: RGBImage = table[labels]
    return Image.fromarray(coloured)


def _colour(name: str, own: RGB, shown: Classes, legend: Mapping[str, RGB]) -> RGB:
    """The data's colour of the class, or else the model's `own` or another that no class has."""
    known = dict(zip(shown.names, tints(shown), strict=True))
    if name in known:
        return known[name]
    taken = {*known.values(), *legend.values()}
    free = (color for color in (*TINTS, *map(visible_colour, voc_palette())) if color not in taken)
    return next(free, visible_colour(own))


def _ids(labels: Labels) -> Sequence[int]:
    return [int(id_) for id_ in np.unique(labels) if id_ != VOID]
