"""Exports of CVAT: "CVAT for images 1.1" (annotations.xml) and "Segmentation mask 1.1" (labelmap.txt).

annotations.xml: polygons, boxes, ellipses, masks and polylines (3 pixels wide) over "background", in z order;
points, skeletons and cuboids cannot be drawn, which `pixelwise check` reports, and tags are not shapes.
Without a list of labels the classes are those of the shapes, in alphabetical order. Pictures are in images/,
or where their name points to. labelmap.txt: the colours of SegmentationClass/ID.png, pictures in
JPEGImages/; black is "background" where the map does not say otherwise. Source: docs.cvat.ai, "XML annotation
format" and "Segmentation mask".
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pixelwise.core.classes import Classes
from pixelwise.core.errors import DataError, SplitError
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES
from pixelwise.core.types import Labels
from pixelwise.core.visible_files import visible
from pixelwise.data.class_map import ClassMap
from pixelwise.data.formats.cvat_records import CvatLabel, CvatPicture, cvat_labels, cvat_picture
from pixelwise.data.formats.records import expect_distinct, read_xml, record
from pixelwise.data.kind import Source
from pixelwise.data.painted_labels import Object, painted
from pixelwise.data.sample import SEMANTIC, Entry, LabelledImages
from pixelwise.data.sample_files import ColourFile, ImageFile, portable, read_text
from pixelwise.data.sources.folder import below, held_out, is_split

_FRAME_ENDINGS = (".png", ".PNG", ".jpg")
"""Of the frames of a video, which CVAT's annotations.xml names without an ending."""

_AGAIN = 'export "Segmentation mask 1.1" again'


@dataclass(frozen=True)
class CvatShapes:
    """The objects of one picture, lowest first."""

    path: Path
    image: ImageFile
    size: tuple[int, int]
    objects: tuple[Object, ...]

    def read(self) -> Labels:
        return self.draw()[0]

    def draw(self) -> tuple[Labels, tuple[str, ...]]:
        return painted(self.path, self.image, self.size, self.objects)


def cvat(root: Path, split: str, images: str = "") -> LabelledImages:
    """The split of the unpacked export `root`, or of an annotations.xml: CVAT's subsets Train, Validation and
    Test, or as folder.py defines it. `images` is the folder of the pictures of an annotations.xml.

    An export of masks may have lists of ids, ImageSets/Segmentation/SPLIT.txt. CVAT also lists pictures
    without a mask, which nobody has labelled; these are left out.
    """
    file = root if root.is_file() else root / "annotations.xml"
    if file.is_file():
        entries, subsets, class_map = _read_xml(file, Path(images).expanduser() if images else None)
        chosen = _of_subsets(entries, subsets, split)
    elif (root / "labelmap.txt").is_file():
        entries, class_map = _read_masks(root), _read_label_map(root / "labelmap.txt")
        chosen = _listed(root, split, entries)
    else:
        raise DataError(
            f"{root} is not an export of CVAT: neither {file} nor {root / 'labelmap.txt'} found",
            'unpack the ZIP of "CVAT for images 1.1" or "Segmentation mask 1.1" and name its folder',
        )
    return LabelledImages(f"cvat:{root} {split}", chosen, {SEMANTIC: class_map})


def _read_xml(file: Path, photos: Path | None) -> tuple[tuple[Entry, ...], list[str], ClassMap]:
    """The samples, the subset of each, and the classes."""
    tree = read_xml(file, "annotation file")
    if tree.find("track") is not None or tree.find("image") is None:
        what = "tracks, as CVAT for video" if tree.find("track") is not None else "no <image>"
        raise DataError(f'{file} has {what}, but should be "CVAT for images 1.1"', "export that")
    pictures = [cvat_picture(image, file) for image in tree.findall("image")]
    used = {name for picture in pictures for name, *_ in picture.objects}
    try:
        listed = cvat_labels(tree, file) or sorted(used)
        classes = Classes.named(["background", *(name for name in listed if name != "background")])
    except ValueError as error:
        raise DataError(f"{file}: {error}", "correct the list of labels") from None
    ids = {name: id_ for id_, name in enumerate(classes.names)}
    if unknown := used - ids.keys():
        raise DataError(
            f"{file} has labels that are not in its list: {', '.join(sorted(unknown))}",
            "add them to <labels>, or correct them",
        )
    times = Counter(picture.name for picture in pictures)
    entries = tuple(_xml_entry(picture, file, photos, ids, times[picture.name] > 1) for picture in pictures)
    expect_distinct(
        file,
        "picture",
        (os.path.relpath(entry.image.path, file.parent) for entry in entries),
        "merge their shapes",
    )
    return entries, [picture.subset for picture in pictures], ClassMap.identity(classes)


def _of_subsets(entries: Sequence[Entry], subsets: Sequence[str], split: str) -> tuple[Entry, ...]:
    """The samples of a split. Without subsets for both train and val, it is a part of all but Test."""

    def of(name: str) -> tuple[Entry, ...]:
        return tuple(entry for entry, own in zip(entries, subsets, strict=True) if is_split(own, name))

    is_whole = not (of("train") and of("val"))
    if is_whole and split in ("train", "val", "all"):
        tests = {entry.id for entry in of("test")}
        return held_out([entry for entry in entries if entry.id not in tests] or entries, split, 10)
    if split == "all":
        return of("train") + of("val")
    if not of(split):
        there = sorted({"train", "val", *filter(None, subsets)})
        raise SplitError(f'there is no subset or split "{split}"', f"there are {', '.join(there)}")
    return of(split)


def _xml_entry(
    picture: CvatPicture, file: Path, photos: Path | None, ids: Mapping[str, int], with_subset: bool
) -> Entry:
    """The sample of a picture, whose id begins `with_subset` if other subsets have a picture of that name."""
    places = [file.parent / "images" / picture.name, file.parent / picture.name]
    if picture.subset:
        places.insert(0, file.parent / "images" / picture.subset / picture.name)
    if photos is not None:
        places = [photos / picture.name]
    if Path(picture.name).suffix.lower() not in IMAGE_SUFFIXES:
        places += [place.with_name(place.name + ending) for place in places for ending in _FRAME_ENDINGS]
    image = ImageFile(next((place for place in places if place.is_file()), places[0]))
    objects = tuple(
        Object(ids[label], f"{label} ({called})", drawn, undrawn)
        for label, called, drawn, undrawn in picture.objects
    )
    part = CvatShapes(file, image, picture.size, objects)
    name = Path(picture.subset, picture.name) if with_subset else Path(picture.name)
    id_ = name.with_suffix("") if name.suffix.lower() in IMAGE_SUFFIXES else name
    return Entry(str(id_), image, {SEMANTIC: part})


def _read_masks(root: Path) -> tuple[Entry, ...]:
    place = root / "JPEGImages"
    photos = below(place, IMAGE_SUFFIXES)
    masks = below(root / "SegmentationClass", (".png",))
    return tuple(
        Entry(id_, ImageFile(photos.get(id_, place / f"{id_}.jpg")), {SEMANTIC: ColourFile(path)})
        for id_, path in sorted(masks.items())
    )


def _read_label_map(file: Path) -> ClassMap:
    names, colours = [], []
    for number, line in enumerate(read_text(file, "label map").split("\n"), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split(":")
        fields = {"name": parts[0], "colour": parts[1].split(",")} if len(parts) > 1 else {"name": parts[0]}
        label = record(fields, f"{file}, line {number}:", CvatLabel)
        names.append(label.name)
        colours.append(label.colour)
    expect_distinct(file, "colour", [",".join(map(str, colour)) for colour in colours], _AGAIN)
    if (0, 0, 0) not in colours and "background" not in names:
        names, colours = ["background", *names], [(0, 0, 0), *colours]
    try:
        classes = Classes.named(names, tuple(colours))
    except ValueError as error:
        raise DataError(f"{file}: {error}", _AGAIN) from None
    table = {red << 16 | green << 8 | blue: id_ for id_, (red, green, blue) in enumerate(colours)}
    return ClassMap(classes, table, "colours")


def _listed(root: Path, split: str, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    lists = root / "ImageSets" / "Segmentation"
    named = sorted(path.stem for path in visible(lists, "*.txt"))
    own = split if split in named else next((name for name in named if is_split(name, split)), None)
    if own is None:
        if named and named != ["default"]:
            raise SplitError(
                f'no split "{split}": {lists / f"{split}.txt"} not found', f"there are {', '.join(named)}"
            )
        return held_out(entries, split, 10)
    wanted = {portable(line.strip()) for line in read_text(lists / f"{own}.txt", "list").split("\n")}
    return tuple(entry for entry in entries if entry.id in wanted)


SOURCE = Source(
    kind="cvat",
    title="Pictures labelled with CVAT",
    read=cvat,
    splits=("train", "val"),
    layout="annotations.xml + images/ (CVAT for images 1.1); labelmap.txt + SegmentationClass/ + JPEGImages/ "
    "(Segmentation mask 1.1)",
    get="made by you with https://www.cvat.ai",
    terms="yours",
    options={"images": "the folder of the pictures of an annotations.xml"},
    suffixes=(".xml",),
)
