"""Write any data set as folders of pictures and labels."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from pixelwise.core.errors import DataError
from pixelwise.crf.masks_from_boxes import MIDDLE, masks_from_boxes
from pixelwise.crf.presets import Preset, load_preset
from pixelwise.data.checks.shared_pictures import different_classes
from pixelwise.data.conversion import convert as write
from pixelwise.data.conversion import expect_possible, place_of
from pixelwise.data.sample import LabelledImages
from pixelwise.data.sources.boxes import open_boxes
from pixelwise.data.spec import open_splits
from pixelwise.inference.crf_refiner import DEFAULT_PRESET
from pixelwise.workflows.data import OnImage, counter

OnFolder = Callable[[Path, int], None]


def convert(
    data: str,
    output: str | Path,
    split: str | None = None,
    classes: str | None = None,
    channels: Sequence[str] = (),
    on_image: OnImage | None = None,
    on_folder: OnFolder | None = None,
) -> list[Path]:
    """Write one split of KIND:PATH, or all the usual ones that are there, as folders that folder:PATH reads.

    classes: a selection such as "background,animal=cat+dog". channels: extra ones to write, such as depth.
    Returns the folders; see data.conversion for what they hold. on_image is called with the split's name, the
    number of images done and their total, on_folder with each finished folder and its number of images.
    Before anything is written, raises DataError if there is no such data or split, a folder exists, or the
    classes of the splits differ; later, if an image cannot be read.
    """
    splits = open_splits(data, split, classes)
    chosen = {name: dataset.with_channels(*channels) for name, dataset in splits.items()}
    return _written(chosen, Path(output), on_image, on_folder)


def boxes_to_masks(
    data: str,
    output: str | Path,
    split: str | None = None,
    classes: str | None = None,
    middle: float = MIDDLE,
    preset: Preset | str | Path = DEFAULT_PRESET,
    on_image: OnImage | None = None,
    on_folder: OnFolder | None = None,
) -> list[Path]:
    """Like `convert`, for voc:PATH and coco:PATH with boxes: a dense CRF draws the labels.

    middle: the share of a box, around its centre, that certainly is the object. preset: of the CRF. Raises
    ValueError for a share outside (0, 1], PresetError for an unknown preset.
    """
    if not 0 < middle <= 1:
        raise ValueError(f"expected a share in (0, 1], got {middle}")
    chosen = load_preset(preset)
    # Several pictures are processed at the same time, one thread each.
    draw = partial(masks_from_boxes, preset=chosen, middle=middle, threads=1)
    splits = open_splits(data, split, classes, partial(open_boxes, draw=draw))
    return _written(splits, Path(output), on_image, on_folder)


def _written(
    splits: Mapping[str, LabelledImages], output: Path, on_image: OnImage | None, on_folder: OnFolder | None
) -> list[Path]:
    places = []
    first = next(iter(splits.values()))
    for name, dataset in splits.items():
        if (fault := different_classes(first, dataset)) is not None:
            raise DataError(fault, "name the classes to use of all splits, in order: --classes NAME,NAME")
        expect_possible(dataset, output, name)
    for name, dataset in splits.items():
        write(dataset, output, name, counter(on_image, name, len(dataset)))
        places.append(place_of(output, name))
        if on_folder is not None:
            on_folder(places[-1], len(dataset))
    return places
