"""Exports of CVAT: "CVAT for images 1.1" (annotations.xml) and "Segmentation mask 1.1" (labelmap.txt).

annotations.xml: polygons, boxes, ellipses, masks and polylines (3 pixels wide) over "background", in z order;
points, tags and skeletons are left out. Pictures are in images/, or wherever the name leads. labelmap.txt:
the colours of SegmentationClass/ID.png, pictures in JPEGImages/; black is "background" where the map does
not say otherwise. Source: docs.cvat.ai, "XML annotation format" and "Segmentation mask".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from pixelwise.data.class_map import ClassMap
from pixelwise.data.folder import by_stem, held_out
from pixelwise.data.parts import IMAGE_SUFFIXES, ColourFile, ImageFile, read_text, read_xml
from pixelwise.data.sample import SEMANTIC, Entry, LabelledImages
from pixelwise.data.shapes import Outline, Runs, Shape, box, ellipse, paint, ring, stroke
from pixelwise.data.source import Source
from pixelwise.errors import DataError, SplitError
from pixelwise.labels import Classes
from pixelwise.types import FileIds

_ANEW = 'export "Segmentation mask 1.1" anew'
_DRAWN = ("polygon", "box", "ellipse", "mask", "polyline")


@dataclass(frozen=True)
class CvatShapes:
    """The shapes of one picture with the ids of their labels, lowest first."""

    path: Path
    picture: str
    size: tuple[int, int]
    shapes: tuple[tuple[int, Shape], ...]

    def read(self) -> FileIds:
        try:
            return paint(self.size, self.shapes)
        except ValueError as error:
            raise DataError(
                f"{self.path}: a shape in {self.picture} cannot be drawn: {error}", "mend or remove it"
            ) from None


def cvat(root: Path, split: str) -> LabelledImages:
    """The split of the unpacked export `root`, or of an annotations.xml; see folder.py for how it is chosen.

    The export of masks may have lists of ids, ImageSets/Segmentation/SPLIT.txt. CVAT lists pictures without a
    mask, too: those that nobody has labelled, which are left out.
    """
    file = root if root.is_file() else root / "annotations.xml"
    if file.is_file():
        entries, class_map = _read_xml(file)
        chosen = held_out(entries, split, 10)
    elif (root / "labelmap.txt").is_file():
        entries, class_map = _read_masks(root), _read_label_map(root / "labelmap.txt")
        chosen = _listed(root, split, entries)
    else:
        raise DataError(
            f"{root} is no export of CVAT: neither {file} nor {root / 'labelmap.txt'} found",
            'unpack the ZIP of "CVAT for images 1.1" or "Segmentation mask 1.1" and name its folder',
        )
    return LabelledImages(f"cvat:{root} {split}", chosen, {SEMANTIC: class_map})


def _read_xml(file: Path) -> tuple[tuple[Entry, ...], ClassMap]:
    tree = read_xml(file, "annotation file")
    if tree.find("track") is not None or tree.find("meta") is None:
        raise DataError(
            f'{file} is no export "CVAT for images 1.1"', "CVAT for video has tracks; export images"
        )
    labels = [name.text or "" for name in tree.findall("meta/*/labels/label/name")]
    names = ["background", *(name for name in labels if name != "background")]
    ids = {name: id_ for id_, name in enumerate(names)}
    try:
        entries = tuple(_xml_entry(image, file, ids) for image in tree.findall("image"))
        return entries, ClassMap.identity(Classes.named(names))
    except (KeyError, ValueError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(f"{file}: {what}", 'export "CVAT for images 1.1" anew') from None


def _xml_entry(image: ElementTree.Element, file: Path, ids: dict[str, int]) -> Entry:
    name = image.attrib["name"]
    drawn = [element for element in image if element.tag in _DRAWN]
    drawn.sort(key=lambda element: int(element.get("z_order", 0)))
    if unknown := {element.attrib["label"] for element in drawn} - ids.keys():
        raise ValueError(f"{name} has labels that are not in its list: {', '.join(sorted(unknown))}")
    shapes = tuple((ids[element.attrib["label"]], shape) for element in drawn for shape in _shapes(element))
    size = int(image.attrib["height"]), int(image.attrib["width"])
    places = [file.parent / "images" / name, file.parent / name]
    subset = image.get("subset")
    if subset:
        places.insert(0, file.parent / "images" / subset / name)
    path = next((place for place in places if place.is_file()), places[0])
    part = CvatShapes(file, name, size, shapes)
    return Entry(str(Path(name).with_suffix("")), ImageFile(path), {SEMANTIC: part})


def _shapes(element: ElementTree.Element) -> Iterator[Shape]:
    def number(name: str) -> float:
        return float(element.attrib[name])

    degrees = float(element.get("rotation", 0))
    if element.tag == "box":
        yield box(number("xtl"), number("ytl"), number("xbr"), number("ybr"), degrees)
    elif element.tag == "ellipse":
        yield ellipse((number("cx"), number("cy")), (number("rx"), number("ry")), degrees)
    elif element.tag == "mask":
        lengths = tuple(int(length) for length in element.attrib["rle"].split(","))
        left, top, width, height = (int(number(name)) for name in ("left", "top", "width", "height"))
        yield Runs(lengths, height, width, left, top)
    else:
        points = ring([float(v) for point in element.attrib["points"].split(";") for v in point.split(",")])
        yield from [Outline((points,))] if element.tag == "polygon" else stroke(points, 3)


def _read_masks(root: Path) -> tuple[Entry, ...]:
    place = root / "JPEGImages"
    photos = _below(place, IMAGE_SUFFIXES)
    masks = _below(root / "SegmentationClass", (".png",))
    return tuple(
        Entry(id_, ImageFile(photos.get(id_, place / f"{id_}.jpg")), {SEMANTIC: ColourFile(path)})
        for id_, path in sorted(masks.items())
    )


def _below(place: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """The pictures in a folder and those in it, by their places without ending."""
    folders = [place, *(path for path in place.rglob("*") if path.is_dir())] if place.is_dir() else []
    return {
        (folder.relative_to(place) / stem).as_posix(): path
        for folder in folders
        for stem, path in by_stem(folder, suffixes).items()
    }


def _read_label_map(file: Path) -> ClassMap:
    names, colours = [], []
    for number, line in enumerate(read_text(file, "label map").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            name, colour = line.split(":")[:2]
            red, green, blue = (int(part) for part in colour.split(","))
        except ValueError:
            raise DataError(
                f"{file}, line {number}: {line!r} does not read NAME:RED,GREEN,BLUE::", _ANEW
            ) from None
        names.append(name.strip())
        colours.append((red, green, blue))
    if (0, 0, 0) not in colours and "background" not in names:
        names, colours = ["background", *names], [(0, 0, 0), *colours]
    try:
        classes = Classes.named(names, tuple(colours))
    except ValueError as error:
        raise DataError(f"{file}: {error}", _ANEW) from None
    table = {red << 16 | green << 8 | blue: id_ for id_, (red, green, blue) in enumerate(colours)}
    return ClassMap(classes, table, "colours")


def _listed(root: Path, split: str, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    lists = root / "ImageSets" / "Segmentation"
    if not (lists / f"{split}.txt").is_file():
        named = sorted(path.stem for path in lists.glob("*.txt"))
        if named and named != ["default"]:
            raise SplitError(
                f'no split "{split}": {lists / f"{split}.txt"} not found', f"there are {', '.join(named)}"
            )
        return held_out(entries, split, 10)
    wanted = {line.strip() for line in read_text(lists / f"{split}.txt", "list").splitlines()}
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
    suffixes=(".xml",),
)
