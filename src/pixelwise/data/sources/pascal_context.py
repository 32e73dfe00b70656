"""PASCAL-Context: trainval/ID.mat['LabelMap'] with ids into 459 names, on the images of VOC 2010.

The 59 classes are found by their whole names, everything else is background (59 + 1 ids), as FCN's release
does; its lists spell three names in two ways. FCN's release has no list of the 33 classes of table 6: they
are the data set's own (33_labels.txt of its site), found by their whole names alike.
Source: Mottaghi et al. 2014. Train and val are those of VOC 2010 (ImageSets/Main).
"""

from pathlib import Path

from pixelwise.core.classes import Classes
from pixelwise.core.errors import DataError, SplitError
from pixelwise.data.class_map import ClassMap
from pixelwise.data.formats.matlab import MatFile
from pixelwise.data.kind import Source, one_of
from pixelwise.data.sample import SEMANTIC, Entry, LabelledImages
from pixelwise.data.sample_files import ImageFile
from pixelwise.data.sources.voc import read_list
from pixelwise.data.splits import shipped

_SPELT = {"diningtable": "table", "bedcloth": "bedclothes", "clothes": "cloth"}


def pascal_context(root: Path, split: str, images: str = "", classes: str = "59") -> LabelledImages:
    """The split of the folder `root` with trainval/; `images` is the VOC 2010 folder, by default `root` or a
    folder VOC2010 in or beside it.
    """
    one_of("classes", classes, ("59", "33"))
    if not (root / "trainval").is_dir():
        raise DataError(
            f"{root} is not PASCAL-Context: {root / 'trainval'} not found",
            "PATH must name the folder that holds trainval/ with a .mat file per image",
        )
    voc = _voc_2010(root, images)
    file = voc / "ImageSets" / "Main" / f"{split}.txt"
    if not file.is_file():
        raise SplitError(f'no split "{split}": {file} not found', "train and val are lists of VOC 2010")
    entries = tuple(
        Entry(
            id_,
            ImageFile(voc / f"JPEGImages/{id_}.jpg"),
            {SEMANTIC: MatFile(root / f"trainval/{id_}.mat", "LabelMap")},
        )
        for id_ in read_list(file)
    )
    names = shipped(f"pascal_context_{classes}")[1:]
    return LabelledImages(f"pascal_context:{root} {split}", entries, {SEMANTIC: _class_map(names)})


def _voc_2010(root: Path, images: str) -> Path:
    places = [Path(images).expanduser()] if images else [root, root / "VOC2010", root.parent / "VOC2010"]
    for place in places:
        if (place / "JPEGImages").is_dir():
            return place
    looked = " nor ".join(str(place / "JPEGImages") for place in places)
    raise DataError(
        f"the images of VOC 2010 are missing: no {looked}", "add ,images=PATH of the folder VOC2010"
    )


def _class_map(names: list[str]) -> ClassMap:
    everything = shipped("pascal_context_names")
    whole = {name.replace(" ", ""): id_ for id_, name in enumerate(everything, start=1)}
    table = dict.fromkeys(range(len(everything) + 1), 0)
    for class_, name in enumerate(names, start=1):
        spelt = name.replace(" ", "")
        table[whole[spelt] if spelt in whole else whole[_SPELT[spelt]]] = class_
    return ClassMap(Classes.named(["background", *names]), table)


SOURCE = Source(
    kind="pascal_context",
    title="PASCAL-Context, 59 classes and background (or 33), 4,998 + 5,105 images",
    read=pascal_context,
    splits=("train", "val"),
    layout="trainval/ID.mat; VOC2010/{JPEGImages/ID.jpg, ImageSets/Main/SPLIT.txt} in or beside the folder",
    get="https://cs.stanford.edu/~roozbeh/pascal-context/ (trainval.tar.gz); VOC 2010 from VOC's site",
    terms="Flickr photos as in VOC: research, no redistribution",
    options={"images": "the folder VOC2010", "classes": "59 (default) or 33"},
)
