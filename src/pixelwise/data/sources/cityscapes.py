"""Cityscapes: leftImg8bit/SPLIT/CITY/ID_leftImg8bit.png and gtFine/SPLIT/CITY/ID_gtFine_labelIds.png.

19 of the 34 ids in the files are classes; the others are void, as in the data set's own scripts. Source:
Cordts et al. 2016. The test split has no public labels.
"""

from pathlib import Path

from pixelwise.core.classes import Classes
from pixelwise.core.errors import SplitError
from pixelwise.core.types import VOID
from pixelwise.core.visible_files import visible
from pixelwise.data.class_map import ClassMap
from pixelwise.data.kind import Source
from pixelwise.data.sample import SEMANTIC, Entry, LabelledImages
from pixelwise.data.sample_files import IdFile, ImageFile

# Name: id in labelIds files, colour; in the order of the 19 train ids.
CITYSCAPES_CLASSES = {
    "road": (7, (128, 64, 128)),
    "sidewalk": (8, (244, 35, 232)),
    "building": (11, (70, 70, 70)),
    "wall": (12, (102, 102, 156)),
    "fence": (13, (190, 153, 153)),
    "pole": (17, (153, 153, 153)),
    "traffic light": (19, (250, 170, 30)),
    "traffic sign": (20, (220, 220, 0)),
    "vegetation": (21, (107, 142, 35)),
    "terrain": (22, (152, 251, 152)),
    "sky": (23, (70, 130, 180)),
    "person": (24, (220, 20, 60)),
    "rider": (25, (255, 0, 0)),
    "car": (26, (0, 0, 142)),
    "truck": (27, (0, 0, 70)),
    "bus": (28, (0, 60, 100)),
    "train": (31, (0, 80, 100)),
    "motorcycle": (32, (0, 0, 230)),
    "bicycle": (33, (119, 11, 32)),
}
_IMAGE = "_leftImg8bit.png"


def cityscapes(root: Path, split: str) -> LabelledImages:
    """The split of the Cityscapes folder `root`; labelTrainIds files are used if there are no labelIds."""
    place = root / "leftImg8bit" / split
    photos = _stems(place, _IMAGE)
    if not photos:
        raise SplitError(
            f'no split "{split}": no files {place}/CITY/ID{_IMAGE}',
            "PATH must name the folder that holds leftImg8bit and gtFine",
        )
    labels = root / "gtFine" / split
    labelled = {suffix: _stems(labels, f"_gtFine_{suffix}.png") for suffix in ("labelIds", "labelTrainIds")}
    suffix = "labelTrainIds" if labelled["labelTrainIds"] and not labelled["labelIds"] else "labelIds"
    entries = tuple(
        Entry(
            stem,
            ImageFile(place / f"{stem}{_IMAGE}"),
            {SEMANTIC: IdFile(labels / f"{stem}_gtFine_{suffix}.png")},
        )
        for stem in sorted(photos | labelled[suffix])
    )
    classes = Classes(tuple(CITYSCAPES_CLASSES), tuple(colour for _, colour in CITYSCAPES_CLASSES.values()))
    if suffix == "labelTrainIds":
        class_map = ClassMap.identity(classes)
    else:
        ids = [id_ for id_, _ in CITYSCAPES_CLASSES.values()]
        void = dict.fromkeys([*range(34), VOID], VOID)  # 255 is -1, the licence plate, in 8 bits
        class_map = ClassMap(classes, void | {id_: class_ for class_, id_ in enumerate(ids)})
    return LabelledImages(f"cityscapes:{root} {split}", entries, {SEMANTIC: class_map})


def _stems(place: Path, suffix: str) -> set[str]:
    """CITY/ID of the files with this ending."""
    return {f"{path.parent.name}/{path.name.removesuffix(suffix)}" for path in visible(place, f"*/*{suffix}")}


SOURCE = Source(
    kind="cityscapes",
    title="Cityscapes, 19 classes, 2,975 + 500 images",
    read=cityscapes,
    splits=("train", "val"),
    layout="{leftImg8bit/SPLIT/CITY/ID_leftImg8bit.png, gtFine/SPLIT/CITY/ID_gtFine_labelIds.png}",
    get="https://www.cityscapes-dataset.com/ (registration)",
    terms="Cityscapes' licence: non-commercial research, no redistribution",
)
