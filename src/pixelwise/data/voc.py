"""PASCAL VOC: JPEGImages/ID.jpg, SegmentationClass/ID.png and lists of ids.

Source: the VOC 2012 development kit. Ids 0 to 20, 255 is void. Labels of SegmentationClassAug (VOC and SBD
merged, no void border) are taken where SegmentationClass has no file. Lists:
ImageSets/Segmentation/SPLIT.txt or lists/SPLIT.txt.
"""

from pathlib import Path

from pixelwise.data.class_map import ClassMap
from pixelwise.data.sample import LabelledImages, Pair
from pixelwise.errors import DataError
from pixelwise.labels import Classes

VOC_CLASSES = [
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
]


def voc(root: Path, split: str) -> LabelledImages:
    """The split of the VOC year folder `root`."""
    lists = [root / "ImageSets" / "Segmentation", root / "lists"]
    found = [folder / f"{split}.txt" for folder in lists if (folder / f"{split}.txt").is_file()]
    if not found:
        raise DataError(f'no split "{split}": {lists[0] / f"{split}.txt"} not found', _hint(root, lists))
    ids = found[0].read_text(encoding="utf-8").split()
    pairs = tuple(Pair(id_, root / "JPEGImages" / f"{id_}.jpg", _label(root, id_)) for id_ in ids)
    return LabelledImages(f"voc:{root} {split}", pairs, ClassMap.identity(Classes.named(VOC_CLASSES)))


def _label(root: Path, id_: str) -> Path:
    original = root / "SegmentationClass" / f"{id_}.png"
    merged = root / "SegmentationClassAug" / f"{id_}.png"
    return merged if merged.is_file() and not original.is_file() else original


def _hint(root: Path, lists: list[Path]) -> str:
    years = sorted(path.parents[1] for path in root.glob("*/ImageSets/Segmentation"))
    if years:
        return f"PATH must name the year folder; try voc:{years[-1]}"
    splits = sorted({path.stem for folder in lists for path in folder.glob("*.txt")})
    return (
        f"the splits there are: {', '.join(splits)}"
        if splits
        else "PATH must name the year folder, as VOC2012"
    )
