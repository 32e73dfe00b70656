"""`KIND:PATH`, the one way to name a data set on the command line and in recipes."""

from collections.abc import Callable
from pathlib import Path

from pixelwise.data.camvid import camvid
from pixelwise.data.folder import folder
from pixelwise.data.sample import LabelledImages, read_list
from pixelwise.data.voc import voc
from pixelwise.errors import DataError

SOURCES: dict[str, Callable[[Path, str], LabelledImages]] = {"voc": voc, "folder": folder, "camvid": camvid}


def open_dataset(
    spec: str, split: str, classes: str | None = None, ids: Path | None = None
) -> LabelledImages:
    """The split of the data set `voc:PATH`, `folder:PATH` or `camvid:PATH`.

    `classes` selects, merges or drops classes: "background,person,animal=cat+dog" (all others become void).
    `ids` is a file that lists the ids to take, one per line.
    Only lists and folder names are read here. Raises DataError if the place or the split is not there.
    """
    kind, colon, path = spec.partition(":")
    if not colon or kind not in SOURCES:
        raise DataError(
            f'cannot tell what kind of data "{spec}" is',
            f"write KIND:PATH with one of the kinds {', '.join(SOURCES)}; for example voc:/data/VOC2012",
        )
    root = Path(path).expanduser()
    if not root.is_dir():
        raise DataError(f'the data "{spec}" is not there: {root} is no folder')
    dataset = SOURCES[kind](root, split)
    if not dataset.pairs:
        raise DataError(f'the split "{split}" of {spec} is empty')
    if ids is not None:
        dataset = dataset.only(read_list(ids), ids.name)
    if classes is None:
        return dataset
    return LabelledImages(dataset.name, dataset.pairs, dataset.class_map.select(classes))
