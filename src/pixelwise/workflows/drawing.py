"""Figures of the papers, of your own models and data."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from pixelwise.crf.presets import Preset, load_preset
from pixelwise.evaluation.crf_scores import evenly
from pixelwise.evaluation.model_gallery import model_gallery
from pixelwise.inference.predictor import Predictor
from pixelwise.workflows.data import Data, labelled_images
from pixelwise.workflows.loading import load


def gallery(
    models: Sequence[Predictor | str | Path],
    data: Data,
    split: str = "val",
    *,
    pictures: int = 6,
    crf: Preset | str | Path | None = None,
    ids: Path | None = None,
    class_names: Sequence[str] | None = None,
    head: str | None = None,
) -> Image.Image:
    """Models side by side: picture, truth, and the labels of each model, one row for each picture.

    models: what `load` takes, or predictors. pictures: how many, spread evenly over the split; ids: those
    that a text file lists instead. crf: a preset, its name or file: each model is shown with the CRF as well.
    """
    if not models or pictures < 1:
        raise ValueError(f"a gallery needs a model and a picture, got {len(models)} and {pictures}")
    dataset = labelled_images(data, split, class_names, head)
    if ids is not None:
        from pixelwise.data.sources.voc import read_list

        dataset = dataset.only(read_list(ids), str(ids))
    preset = crf if isinstance(crf, Preset | None) else load_preset(crf)
    shown = dataset if ids is not None else evenly(dataset, pictures)
    loaded: dict[str, Predictor] = {}
    for model in models:
        predictor = model if isinstance(model, Predictor) else load(model, head=head)
        title = predictor.info.name if isinstance(model, Predictor) else str(model)
        loaded[title if title not in loaded else f"{title} ({len(loaded) + 1})"] = predictor
    return model_gallery(loaded, shown, preset)
