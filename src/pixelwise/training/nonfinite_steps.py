"""What a step learnt from when its loss was not a number, as a folder of pictures and labels to look at."""

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
    """Write the varied samples of step `step` (from 1), of their inputs the first three channels, below the
    run folder; returns where.

    The folder is a data set as folder.py reads it, so `pixelwise check folder:PLACE --split all` takes it;
    file names hold the process's rank, the place in the batch, and the sample's id.
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
