"""Figures of the papers, of your own models and data."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from pixelwise.core.errors import extras_named
from pixelwise.crf.presets import Preset, load_preset
from pixelwise.data.formats.id_lists import listed_ids
from pixelwise.evaluation.crf_scores import evenly
from pixelwise.evaluation.model_gallery import model_gallery
from pixelwise.inference.predictor import Predictor
from pixelwise.workflows.data import Data, labelled_images
from pixelwise.workflows.loading import load_for_labels

if TYPE_CHECKING:
    from pixelwise.training.recipe import Recipe
    from pixelwise.training.stages import Chain


@dataclass(frozen=True)
class Preview:
    """Samples of the data set `name` and their augmentations, one row for each of `samples`."""

    picture: Image.Image
    name: str
    samples: int


@extras_named()
def preview(
    recipe: "str | Recipe | Chain" = "finetune",
    settings: Sequence[str] = (),
    pictures: int = 4,
    epochs: int = 4,
    channels: Sequence[str] = (),
) -> Preview:
    """Draw samples of a recipe's training split, original and as augmented in its first epochs.

    settings: changes of the recipe, as "field=value". channels: extra ones to show, default those of the
    data. Raises TrainingError for settings that cannot work, DataError for data that cannot be read.
    """
    from pixelwise.recipes import get_recipe
    from pixelwise.training import contact_sheet
    from pixelwise.training.sampling.batches import augmentation
    from pixelwise.training.setup.run_start import opened, with_also
    from pixelwise.training.stages import first_stage

    named = get_recipe(recipe) if isinstance(recipe, str) else recipe
    chosen = first_stage(named.override(list(settings)))
    dataset = with_also(chosen, opened(chosen, chosen.data, chosen.train_split))
    dataset = dataset.with_channels(*(channels or dataset.channels))
    sheet = contact_sheet.preview(dataset, augmentation(chosen), chosen.seed, pictures, epochs)
    return Preview(sheet, dataset.name, min(pictures, len(dataset)))


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

    models: names, model files, run folders or predictors. pictures: how many, spread evenly over the split;
    ids: those that a text file lists instead. crf: a preset, its name or file: each model is shown with the
    CRF as well.
    """
    if not models or pictures < 1:
        raise ValueError(f"a gallery needs a model and a picture, got {len(models)} and {pictures}")
    dataset = labelled_images(data, split, class_names, head)
    if ids is not None:
        dataset = dataset.only(listed_ids(ids, {entry.id for entry in dataset.entries}), str(ids))
    preset = None if crf is None else load_preset(crf)
    shown = dataset if ids is not None else evenly(dataset, pictures)
    loaded: dict[str, Predictor] = {}
    for model in models:
        predictor = model if isinstance(model, Predictor) else load_for_labels(model, head)
        title = predictor.info.name if isinstance(model, Predictor) else str(model)
        loaded[title if title not in loaded else f"{title} ({len(loaded) + 1})"] = predictor
    return model_gallery(loaded, shown, preset)
