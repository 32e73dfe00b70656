"""Save the samples of a step whose loss is not a number, as a folder of pictures and labels."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pixelwise.core.classes import Classes
from pixelwise.core.pictures.bands import view_of
from pixelwise.core.pictures.label_pictures import mask
from pixelwise.core.pictures.writing import write_picture
from pixelwise.core.types import Channel, RGBImage
from pixelwise.data.conversion import write_classes
from pixelwise.data.sources.folder import classes_file, file_stem, labels_folder
from pixelwise.training.sampling.batches import Batch


def save_evidence(
    run: Path, step: int, rank: int, parts: Sequence[Batch], classes: Mapping[str, Classes]
) -> Path:
    """Write the augmented samples of step `step` (the first is 1), with the first three input channels, below
    the run folder; returns the path.

    The folder is a data set that folder.py reads: try `pixelwise check folder:PATH --split all`. File names
    hold the process's rank, the index in the batch, and the sample's id.
    """
    place = run / f"not_finite/step_{step}"
    for head, entry in classes.items():
        write_classes(place / classes_file(head), entry.names)
    for number, batch in enumerate(parts):
        for index, id_ in enumerate(batch.ids):
            name = f"{rank}_{number}_{index}_{file_stem(id_)}.png"
            colours = _shown(batch.images[index].permute(1, 2, 0).numpy())
            write_picture(place / "images" / name, Image.fromarray(colours))
            for head, entry in classes.items():
                write_picture(
                    place / labels_folder(head) / name, mask(batch.heads[head][index].numpy(), entry)
                )
    return place


def _shown(stacked: Channel) -> RGBImage:
    """(H, W, 3) of what a net sees, (H, W, K): the photo, which comes first, or a view of bands."""
    photo = stacked[..., :3]
    if photo.shape[2] == 3 and photo.min() >= 0 and photo.max() <= 255:
        return np.ascontiguousarray(photo.astype(np.uint8))
    return view_of(stacked)
