"""CamVid in the 11 classes of SegNet: SPLIT/images + SPLIT/labels, or SPLIT + SPLITannot.

Source: Brostow et al. 2009; ids 0 to 10 as SegNet's release numbers them, 11 is unlabelled.
"""

from pathlib import Path

from pixelwise.data.class_map import ClassMap
from pixelwise.data.folder import pairs_of
from pixelwise.data.sample import LabelledImages
from pixelwise.errors import DataError
from pixelwise.labels import Classes
from pixelwise.types import VOID

CAMVID_COLOURS = {
    "sky": (128, 128, 128),
    "building": (128, 0, 0),
    "pole": (192, 192, 128),
    "road": (128, 64, 128),
    "pavement": (0, 0, 192),
    "tree": (128, 128, 0),
    "sign": (192, 128, 128),
    "fence": (64, 64, 128),
    "car": (64, 0, 128),
    "pedestrian": (64, 64, 0),
    "bicyclist": (0, 128, 192),
}


def camvid(root: Path, split: str) -> LabelledImages:
    """The split of the CamVid folder `root`."""
    layouts = [(root / split / "images", root / split / "labels"), (root / split, root / f"{split}annot")]
    for images, labels in layouts:
        if images.is_dir() and labels.is_dir():
            classes = Classes(tuple(CAMVID_COLOURS), tuple(CAMVID_COLOURS.values()))
            class_map = ClassMap.identity(classes, void=(11, VOID))
            return LabelledImages(f"camvid:{root} {split}", pairs_of(images, labels), class_map)
    expected = " nor ".join(f"{images} and {labels}" for images, labels in layouts)
    raise DataError(
        f'no split "{split}": neither {expected}',
        "PATH must name the folder that holds train and val",
    )
