"""Stanford Background (iccv09Data): images/ID.jpg with two heads, labels/ID.regions.txt and ID.surfaces.txt.

Source: Gould et al. 2009. Text files of ids, one line per row: regions 0 to 7, surfaces 0 to 2, negative is
void. There is no official split; published figures are means over five folds. Here the val split of fold F (0
to 4) is the images F, F+5, F+10, ... in name order, 143 of the 715; the others are the train split.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pixelwise.core.classes import Classes
from pixelwise.core.errors import DataError, SplitError
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES
from pixelwise.core.terminal import reason_of
from pixelwise.core.types import VOID, FileIds
from pixelwise.core.visible_files import visible
from pixelwise.data.class_map import ClassMap
from pixelwise.data.kind import Source, one_of
from pixelwise.data.sample import GEOMETRIC, SEMANTIC, Entry, LabelledImages
from pixelwise.data.sample_files import ImageFile, read_text
from pixelwise.data.sources.folder import by_stem

REGIONS = ["sky", "tree", "road", "grass", "water", "building", "mountain", "foreground"]
_MOST_BYTES = 20_000_000  # of a text of ids; those of 320 x 240 pixels have 160,000
SURFACES = ["sky", "horizontal", "vertical"]


@dataclass(frozen=True)
class TextGrid:
    """Ids as text, separated by spaces, one line per row of pixels."""

    path: Path

    def read(self) -> FileIds:
        rows = [
            line.split() for line in read_text(self.path, "label", _MOST_BYTES).split("\n") if line.strip()
        ]
        try:
            return np.array(rows, np.int16).reshape(len(rows), -1 if rows else 0)
        except (ValueError, OverflowError) as error:
            reason = reason_of(error)
            raise DataError(
                f"the label {self.path} is not a grid of ids: {reason}",
                "each line has an id per pixel, and all lines equally many",
            ) from None


def stanford_background(root: Path, split: str, fold: str = "0") -> LabelledImages:
    """The split of the folder `root` (iccv09Data)."""
    number = int(one_of("fold", fold, ("0", "1", "2", "3", "4")))
    if not (root / "images").is_dir() or not (root / "labels").is_dir():
        raise DataError(
            f"{root} is not Stanford Background: {root / 'images'} or {root / 'labels'} not found",
            "PATH must name the folder iccv09Data",
        )
    named = {
        path.name.partition(".")[0]: root / "images" for path in visible(root / "labels", "*.regions.txt")
    }
    expected = {id_: place / f"{id_}.jpg" for id_, place in named.items()}
    photos = sorted((expected | by_stem(root / "images", IMAGE_SUFFIXES)).items())
    chosen = {
        "all": photos,
        "train": [photo for i, photo in enumerate(photos) if i % 5 != number],
        "val": photos[number::5],
    }
    if split not in chosen:
        raise SplitError(f'no split "{split}" of Stanford Background', f"there are {', '.join(chosen)}")
    entries = tuple(
        Entry(
            id_,
            ImageFile(path),
            {
                SEMANTIC: TextGrid(root / f"labels/{id_}.regions.txt"),
                GEOMETRIC: TextGrid(root / f"labels/{id_}.surfaces.txt"),
            },
        )
        for id_, path in chosen[split]
    )
    void = (*range(-9, 0), VOID)
    heads = {
        SEMANTIC: ClassMap.identity(Classes.named(REGIONS), void),
        GEOMETRIC: ClassMap.identity(Classes.named(SURFACES), void),
    }
    return LabelledImages(f"stanford_background:{root} {split}", entries, heads)


SOURCE = Source(
    kind="stanford_background",
    title="Stanford Background, 8 semantic and 3 geometric classes, 715 images",
    read=stanford_background,
    splits=("train", "val"),
    layout="iccv09Data/{images/ID.jpg, labels/ID.regions.txt, labels/ID.surfaces.txt}",
    get="http://dags.stanford.edu/data/iccv09Data.tar.gz",
    terms="photos from LabelMe, MSRC, VOC and Geometric Context: research use",
    options={"fold": "0 to 4: which fifth of the images is val (default 0)"},
)
