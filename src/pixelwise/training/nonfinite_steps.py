"""Save the samples of a step whose loss is not a number, as a folder of pictures and labels."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from pixelwise.core.classes import Classes
from pixelwise.core.pictures.label_pictures import mask
from pixelwise.core.pictures.writing import write_picture
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
            colours = batch.images[index, :3].permute(1, 2, 0).byte().numpy()
            write_picture(place / "images" / name, Image.fromarray(colours))
            for head, entry in classes.items():
                write_picture(
                    place / labels_folder(head) / name, mask(batch.heads[head][index].numpy(), entry)
                )
    return place
