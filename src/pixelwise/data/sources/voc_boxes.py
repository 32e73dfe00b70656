"""Boxes in VOC's XML: Annotations/ID.xml, with coordinates that start at 1 and include the last pixel.

The XML may also be beside the pictures, as labelImg writes it, at the top or below a folder with the split's
name. Classes are those of classes.txt, "background" first, or VOC's. Lists: ImageSets/Main,
ImageSets/Segmentation or lists; without lists, see folder.py.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from pixelwise.core.boxes import Box
from pixelwise.core.errors import DataError, SplitError
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES
from pixelwise.core.visible_files import visible
from pixelwise.data.class_map import ClassMap
from pixelwise.data.formats.records import (
    ClassName,
    Coordinate,
    FileName,
    Side,
    expect_distinct,
    read_xml,
    record,
)
from pixelwise.data.sources.boxed_pictures import BACKGROUND, BoxedPicture, trimmed
from pixelwise.data.sources.folder import held_out, split_folder
from pixelwise.data.sources.voc import classes_of, own_list, read_list


def voc_boxes(root: Path, split: str) -> tuple[Sequence[tuple[str, BoxedPicture]], ClassMap]:
    """The boxed pictures of a split, each with its id, and the classes. Raises DataError for annotations that
    are not boxes.
    """
    place = next((place for place in (split_folder(root, split), root) if _xml_folder(place).is_dir()), root)
    own, class_map = own_list(root), classes_of(root)
    _expect_background(own, class_map.classes.names[BACKGROUND])
    names = {name: id_ for id_, name in enumerate(class_map.classes.names)}
    folder = _xml_folder(place)
    photos = _photos(place, folder)
    ids = _voc_ids(root, place, folder, split)
    pictures = [(id_, _voc_picture(place, folder / f"{id_}.xml", names, own, photos)) for id_ in ids]
    expect_distinct(
        folder,
        "picture",
        (os.path.relpath(boxed.picture, place) for _, boxed in pictures),
        "call every picture as its XML file, or correct its <filename>",
    )
    return pictures, class_map


def _expect_background(file: Path, first: str) -> None:
    """Raise DataError unless this first class is the background: pixels outside boxes are labelled as it."""
    if first.strip("_").lower() != "background":
        raise DataError(
            f'the first class in {file} should be "background", but is "{first}": '
            "pixels outside all boxes get the first class",
            'put "background" on the first line',
        )


def _photos(place: Path, beside: Path) -> dict[str, list[Path]]:
    """The pictures in JPEGImages/, or those beside the XML files, by their names without ending."""
    found: dict[str, list[Path]] = {}
    for folder in (place / "JPEGImages", beside):
        for path in visible(folder) if folder.is_dir() else ():
            if path.suffix.lower() in IMAGE_SUFFIXES:
                found.setdefault(path.stem, []).append(path)
    return found


def _xml_folder(place: Path) -> Path:
    """Annotations/ if it exists, else the folder itself if it holds XML, else Annotations/ for the error."""
    usual = place / "Annotations"
    if usual.is_dir() or all(path.name.startswith(".") for path in place.glob("*.xml")):
        return usual
    return place


def _voc_ids(root: Path, place: Path, xml: Path, split: str) -> Sequence[str]:
    lists = [root / name for name in ("ImageSets/Main", "ImageSets/Segmentation", "lists")]
    for folder in lists:
        if (folder / f"{split}.txt").is_file():
            return read_list(folder / f"{split}.txt", xml)
    if place == root and any(folder.is_dir() for folder in lists):
        named = sorted({path.stem for folder in lists for path in visible(folder, "*.txt")})
        raise SplitError(
            f'no split "{split}": {lists[0] / f"{split}.txt"} not found', f"there are {', '.join(named)}"
        )
    found = sorted(path.stem for path in visible(xml, "*.xml"))
    if not found:
        raise SplitError(
            f'no split "{split}": no XML files in {xml}',
            "PATH must name the year folder, such as VOC2012, or one of pictures and XML files",
        )
    return found if place != root else held_out(found, split, 10)


@dataclass(frozen=True, slots=True)
class _VocSize:
    """<annotation> with height and width in <size>."""

    height: Side
    width: Side


@dataclass(frozen=True, slots=True)
class _VocFile:
    """<annotation> with the name of a picture in <filename>."""

    filename: FileName


@dataclass(frozen=True, slots=True)
class _VocObject:
    """<object> with <name>, and xmin, ymin, xmax and ymax in <bndbox>."""

    name: ClassName
    ymin: Coordinate
    xmin: Coordinate
    ymax: Coordinate
    xmax: Coordinate


def _voc_picture(
    place: Path, file: Path, names: dict[str, int], classes: Path, photos: Mapping[str, Sequence[Path]]
) -> BoxedPicture:
    content = read_xml(file, "annotation file")
    shape = record(_texts(content, "size/height", "size/width"), f"{file}: <size>", _VocSize)
    size = shape.height, shape.width
    boxes = []
    for number, element in enumerate(content.findall("object"), start=1):
        fields = _texts(element, "name", "bndbox/ymin", "bndbox/xmin", "bndbox/ymax", "bndbox/xmax")
        thing = record(fields, f"{file}: <object> {number}", _VocObject)
        if thing.name not in names:
            raise DataError(
                f'{file} names the class "{thing.name}", which is not among {", ".join(names)}',
                f"list your classes in {classes}, background first",
            )
        sides = thing.ymin - 1, thing.xmin - 1, thing.ymax, thing.xmax
        boxes.append(trimmed(Box(names[thing.name], *sides), size))
    name = record(
        {"filename": content.findtext("filename") or f"{file.stem}.jpg"}, f"{file}:", _VocFile
    ).filename
    return BoxedPicture(file, _picture_of(file.stem, PurePosixPath(name), photos, place), size, tuple(boxes))


def _picture_of(id_: str, named: PurePosixPath, photos: Mapping[str, Sequence[Path]], place: Path) -> Path:
    """The picture called as the XML file, or else the one in its <filename>, which is out of date where files
    were renamed.
    """
    own, others = photos.get(id_, ()), photos.get(named.stem, ())
    chosen = next((path for path in own if path.name == named.name), None) or next(iter(own), None)
    chosen = chosen or next((path for path in others if path.name == named.name), None)
    return chosen or place / "JPEGImages" / named.name


def _texts(element: ElementTree.Element, *paths: str) -> dict[str, str]:
    """The texts at these paths that are not empty, by the last names of the paths."""
    texts = {path.rpartition("/")[2]: (element.findtext(path) or "").strip() for path in paths}
    return {name: text for name, text in texts.items() if text}
