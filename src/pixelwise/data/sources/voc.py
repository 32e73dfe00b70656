"""PASCAL VOC: JPEGImages/ID.jpg, SegmentationClass/ID.png and lists of ids.

Source: the VOC 2011 and 2012 development kits. Ids 0 to 20, 255 is void; with classes.txt (or labelme2voc's
class_names.txt) beside these folders, the classes are the lines of that file. Labels of SegmentationClassAug
(VOC and SBD merged, no void border), and then those of SBD itself, are taken where SegmentationClass has no
file. Lists: ImageSets/Segmentation/SPLIT.txt or lists/SPLIT.txt; train_aug and seg11valid, which the kit
lacks, ship with this package. trainval and trainval_aug are train or train_aug and val. Pictures of your own
without lists are split as in folder.py.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from pixelwise.core.classes import Classes
from pixelwise.core.errors import DataError, SplitError
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES
from pixelwise.core.terminal import printable
from pixelwise.core.types import FileIds
from pixelwise.core.visible_files import visible
from pixelwise.data.class_map import ClassMap
from pixelwise.data.formats.matlab import MatFile
from pixelwise.data.kind import Source
from pixelwise.data.sample import SEMANTIC, Entry, LabelledImages
from pixelwise.data.sample_files import IdFile, ImageFile, Part, read_text
from pixelwise.data.sources.folder import below, held_out, own_classes
from pixelwise.data.splits import shipped

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
_OWN_CLASSES = ("classes.txt", "class_names.txt")
"""The file with the names of the classes, if they are not VOC's; labelme2voc calls it by the second name."""

_LABELS = ("SegmentationClass", "SegmentationClassAug")
_VOCS = re.compile(r"20\d\d_\d{6}")
"""The ids of VOC's pictures."""

_LONGEST_ID = 1000
_KIT = {"train": "voc2012_train", "val": "voc2012_val"}
_OTHERS = {"train_aug": "voc2012_train_aug", "seg11valid": "voc2011_seg11valid"}
_UNIONS = {"trainval": ("train", "val"), "trainval_aug": ("train_aug", "val")}


def voc(root: Path, split: str, sbd: str = "") -> LabelledImages:
    """The split of the VOC year folder `root`; `sbd` is SBD's folder with cls/, for labels that VOC lacks."""
    masks = Path(sbd).expanduser() / "cls" if sbd else None
    if masks is not None and not masks.is_dir():
        raise DataError(f"sbd={sbd}: {masks} not found", "name the folder of SBD that holds img and cls")
    ids = _ids(root, split)
    photos = _photos(root / "JPEGImages", ids)
    entries = tuple(Entry(id_, ImageFile(photos[id_]), {SEMANTIC: _label(root, masks, id_)}) for id_ in ids)
    if masks is not None and (own := own_list(root)).is_file():
        raise DataError(f"sbd={sbd} has VOC's classes, but {own} names others", "leave sbd= out")
    return LabelledImages(f"voc:{root} {split}", entries, {SEMANTIC: classes_of(root)})


def classes_of(root: Path) -> ClassMap:
    """The classes of a folder in VOC's layout: those of its own list, or VOC's if there is none."""
    own = own_list(root)
    return own_classes(own) if own.is_file() else voc_classes()


def own_list(root: Path) -> Path:
    """The file that names the classes of a folder in VOC's layout, which may be missing."""
    places = [root / name for name in _OWN_CLASSES]
    return next((place for place in places if place.is_file()), places[0])


def voc_classes() -> ClassMap:
    """The 21 classes by their ids, 255 void."""
    return ClassMap.identity(Classes.named(VOC_CLASSES))


def _ids(root: Path, split: str) -> list[str]:
    places = [root / "ImageSets" / "Segmentation", root / "lists"]
    for place in places:
        if (place / f"{split}.txt").is_file():
            return read_list(place / f"{split}.txt", root / "JPEGImages")
    if split in _UNIONS:
        return [id_ for part in _UNIONS[split] for id_ in _ids(root, part)]
    has_lists = any(place.is_dir() for place in places)
    if not has_lists and (own := _of_ones_own(root)):
        return list(held_out(own, split, 10))
    known = _OTHERS if has_lists else _KIT | _OTHERS
    if split in known and any((root / name).is_dir() for name in _LABELS):
        return shipped(known[split])
    raise SplitError(f'no split "{split}": {places[0] / f"{split}.txt"} not found', _hint(root, places))


def _of_ones_own(root: Path) -> list[str]:
    """The labelled pictures in name order, if none of them is VOC's."""
    labelled = {path.stem for name in _LABELS for path in visible(root / name, "*.png")}
    return [] if any(map(_VOCS.fullmatch, labelled)) else sorted(labelled)


def read_list(file: Path, samples: Path | None = None) -> list[str]:
    """The ids in a text file: the whole line if the folder `samples` has a file of that name, else the first
    word, because VOC's lists of a class have a second one. Raises DataError for an invalid file name.
    """
    lines = [line.strip() for line in read_text(file, "list").split("\n") if line.strip()]
    whole = set[str]()
    if samples is not None and any(len(line.split()) > 1 for line in lines):
        whole = {path.stem for path in visible(samples, "*.*")}
    ids = [line if line in whole else line.split()[0] for line in lines]
    for id_ in ids:
        if "\0" in id_ or len(id_) > _LONGEST_ID:
            raise DataError(
                f'{file}: no image can be called "{printable(id_[:80])}"', "write one id per line"
            )
    return ids


def _photos(place: Path, ids: Iterable[str]) -> dict[str, Path]:
    """The pictures by id: JPEG as in VOC, or of another format in data that is laid out like it."""
    usual = {id_: place / f"{id_}.jpg" for id_ in ids}
    if all(path.is_file() for path in usual.values()):
        return usual
    others = below(place, IMAGE_SUFFIXES)
    return {id_: path if path.is_file() else others.get(id_, path) for id_, path in usual.items()}


def _label(root: Path, masks: Path | None, id_: str) -> Part[FileIds]:
    original = root / "SegmentationClass" / f"{id_}.png"
    if original.is_file():
        return IdFile(original)
    merged = root / "SegmentationClassAug" / f"{id_}.png"
    if merged.is_file():
        return IdFile(merged)
    return IdFile(original) if masks is None else MatFile(masks / f"{id_}.mat", "GTcls.Segmentation")


def _hint(root: Path, places: list[Path]) -> str:
    years = sorted(path.parents[1] for path in visible(root, "*/ImageSets/Segmentation"))
    if years:
        return f"PATH must name the year folder; try voc:{years[-1]}"
    splits = sorted({path.stem for folder in places for path in visible(folder, "*.txt")})
    return (
        f"the splits there are: {', '.join(splits)}"
        if splits
        else "PATH must name the year folder, such as VOC2012"
    )


SOURCE = Source(
    kind="voc",
    title="PASCAL VOC 2007 to 2012, 21 classes; with SBD's labels train_aug",
    read=voc,
    splits=("train", "val"),
    layout="VOC2012/{JPEGImages/ID.jpg, SegmentationClass/ID.png, ImageSets/Segmentation/SPLIT.txt}; "
    "optionally classes.txt, for your own classes",
    get="http://host.robots.ox.ac.uk/pascal/VOC/ (VOCtrainval_11-May-2012.tar)",
    terms="Flickr's terms of use: research, no redistribution of the photos",
    options={"sbd": "SBD's folder with cls/, for labels that VOC lacks (splits train_aug, trainval_aug)"},
)
