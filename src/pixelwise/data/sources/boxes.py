"""Data sets of bounding boxes: VOC's XML and COCO's JSON. Labels are drawn from the boxes when they are read.

VOC: Annotations/ID.xml, with coordinates that start at 1 and include the last pixel; or XML beside the
pictures, as labelImg writes it, at the top or below a folder with the split's name. Classes are those of
classes.txt, "background" first, or VOC's. Lists: ImageSets/Main, ImageSets/Segmentation or lists; without
lists, see folder.py. COCO: "bbox" of every annotation, x, y, width, height, starting at 0; a crowd's box is
void outside objects.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from pixelwise.core.boxes import Box
from pixelwise.core.errors import DataError, SplitError
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES
from pixelwise.core.pictures.reading import read_photo
from pixelwise.core.types import VOID, Labels, RGBImage
from pixelwise.data.class_map import ClassMap
from pixelwise.data.formats.coco_records import (
    Annotation,
    InstanceFile,
    by_picture,
    coco_classes,
    expect_known,
)
from pixelwise.data.formats.records import (
    ClassName,
    Coordinate,
    FileName,
    Side,
    expect_distinct,
    read_json,
    read_xml,
    record,
)
from pixelwise.data.painted_labels import are_shares
from pixelwise.data.sample import SEMANTIC, Entry, LabelledImages
from pixelwise.data.sample_files import ImageFile, image_errors
from pixelwise.data.sources.coco import annotation_file, photos_of
from pixelwise.data.sources.folder import held_out
from pixelwise.data.sources.voc import OWN_CLASSES, classes_of, read_list
from pixelwise.data.spec import locate

Draw = Callable[[RGBImage, Sequence[Box]], Labels]
"""From (H, W, 3) picture and boxes to (H, W) class ids."""

LONG_SIDE = 1000
"""Labels of larger pictures are drawn on a copy of this long side, in pixels, and enlarged."""

_BACKGROUND = 0


@dataclass(frozen=True)
class BoxedPicture:
    """The boxes of a picture in an annotation file. `crowds` are boxes around many objects."""

    path: Path
    picture: Path
    size: tuple[int, int]
    boxes: tuple[Box, ...]
    crowds: tuple[Box, ...] = ()

    def __post_init__(self) -> None:
        boxes = *self.boxes, *self.crowds
        try:
            for box in boxes:
                box.pixels(self.size)
            if are_shares([side for box in boxes for side in box[1:]]):
                raise ValueError("its boxes lie between 0 and 1, as shares of its size, but should be pixels")
        except ValueError as error:
            raise DataError(
                f"{self.path}, {self.picture.name} of {self.size[1]} x {self.size[0]}: {error}",
                "correct or remove the box",
            ) from None


@dataclass(frozen=True)
class DrawnLabels:
    """The labels that `draw` makes from a picture and its boxes; background pixels in crowds become void."""

    boxed: BoxedPicture
    draw: Draw

    @property
    def path(self) -> Path:
        return self.boxed.path

    def read(self) -> Labels:
        boxed = self.boxed
        with image_errors():
            photo = read_photo(boxed.picture, LONG_SIDE)
        if photo.size != boxed.size:
            raise DataError(
                f"{boxed.picture} is {photo.size[1]} x {photo.size[0]} pixels, "
                f"but {boxed.path} says {boxed.size[1]} x {boxed.size[0]}",
                "boxes need the picture they were drawn on, not one resized or turned",
            )
        grid = photo.pixels.shape[0], photo.pixels.shape[1]
        labels = self.draw(photo.pixels, [box.resized(boxed.size, grid) for box in boxed.boxes])
        if grid != boxed.size:
            enlarged = Image.fromarray(labels).resize(boxed.size[::-1], Image.Resampling.NEAREST)
            labels = np.array(enlarged)
        for crowd in boxed.crowds:
            region = labels[crowd.pixels(boxed.size)]
            region[region == _BACKGROUND] = VOID
        return labels


def open_boxes(spec: str, split: str, classes: str | None, draw: Draw) -> LabelledImages:
    """The split of voc:PATH or coco:PATH, with labels that `draw` makes from its boxes; `classes` as in
    `open_dataset`.

    All annotations are read here. Raises DataError for annotations that are not boxes, and if there are none.
    """
    source, path, options = locate(spec)
    if source.kind not in ("voc", "coco") or options.keys() - {"images"}:
        raise DataError(
            f'cannot read boxes of "{spec}"',
            "boxes are VOC's XML or COCO's JSON: voc:PATH or coco:PATH[,images=FOLDER]",
        )
    if source.kind == "voc":
        pictures, class_map = _voc(path, split)
    else:
        pictures, class_map = _coco(path, split, options.get("images", ""))
    if not any(boxed.boxes for _, boxed in pictures):
        raise DataError(
            f'there are no boxes in the split "{split}" of {spec}', "draw some, or name another split"
        )
    entries = tuple(
        Entry(id_, ImageFile(boxed.picture), {SEMANTIC: DrawnLabels(boxed, draw)}) for id_, boxed in pictures
    )
    dataset = LabelledImages(f"{spec} {split}", entries, {SEMANTIC: ClassMap.identity(class_map.classes)})
    return dataset if classes is None else dataset.select(classes)


def _voc(root: Path, split: str) -> tuple[Sequence[tuple[str, BoxedPicture]], ClassMap]:
    place = next((place for place in (root / split, root) if _xml_folder(place).is_dir()), root)
    own, class_map = root / OWN_CLASSES, classes_of(root)
    _expect_background(own, class_map.classes.names[_BACKGROUND])
    names = {name: id_ for id_, name in enumerate(class_map.classes.names)}
    photos = _photos(place)
    pictures = [(id_, _voc_picture(place, id_, names, own, photos)) for id_ in _voc_ids(root, place, split)]
    expect_distinct(
        _xml_folder(place),
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


def _photos(place: Path) -> dict[str, list[Path]]:
    """The pictures in JPEGImages/, or those beside the XML files, by their names without ending."""
    found: dict[str, list[Path]] = {}
    for folder in (place / "JPEGImages", _xml_folder(place)):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.suffix.lower() in IMAGE_SUFFIXES:
                found.setdefault(path.stem, []).append(path)
    return found


def _xml_folder(place: Path) -> Path:
    """Annotations/ if it exists, else the folder itself if it holds XML, else Annotations/ for the error."""
    usual = place / "Annotations"
    return place if not usual.is_dir() and any(place.glob("*.xml")) else usual


def _voc_ids(root: Path, place: Path, split: str) -> Sequence[str]:
    lists = [root / name for name in ("ImageSets/Main", "ImageSets/Segmentation", "lists")]
    for folder in lists:
        if (folder / f"{split}.txt").is_file():
            return read_list(folder / f"{split}.txt")
    if place == root and any(folder.is_dir() for folder in lists):
        named = sorted({path.stem for folder in lists for path in folder.glob("*.txt")})
        raise SplitError(
            f'no split "{split}": {lists[0] / f"{split}.txt"} not found', f"there are {', '.join(named)}"
        )
    found = sorted(path.stem for path in _xml_folder(place).glob("*.xml"))
    if not found:
        raise SplitError(
            f'no split "{split}": no XML files in {_xml_folder(place)}',
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
    place: Path, id_: str, names: dict[str, int], classes: Path, photos: Mapping[str, Sequence[Path]]
) -> BoxedPicture:
    file = _xml_folder(place) / f"{id_}.xml"
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
        boxes.append(_trimmed(Box(names[thing.name], *sides), size))
    name = record({"filename": content.findtext("filename") or f"{id_}.jpg"}, f"{file}:", _VocFile).filename
    return BoxedPicture(file, _picture_of(id_, PurePosixPath(name), photos, place), size, tuple(boxes))


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


def _coco(root: Path, split: str, images: str) -> tuple[Sequence[tuple[str, BoxedPicture]], ClassMap]:
    file = root if root.is_file() else annotation_file(root, split, "instances")
    content = read_json(file, "annotation file", InstanceFile)
    place = Path(images).expanduser() if images else photos_of(file)
    expect_known(file, content.categories, [entry.category_id for entry in content.annotations])
    annotations = by_picture(file, content.images, content.annotations)
    try:
        classes, ids = coco_classes(content.categories)
    except ValueError as error:
        raise DataError(f"{file}: {error}", "correct the names of its categories") from None
    pictures = []
    for picture in sorted(content.images, key=lambda picture: picture.file_name):
        boxes: list[Box] = []
        crowds: list[Box] = []
        for entry in annotations[picture.id]:
            box = _coco_box(file, entry, ids[entry.category_id])
            (crowds if entry.iscrowd else boxes).append(_trimmed(box, picture.size))
        path = place / picture.file_name
        boxed = BoxedPicture(file, path, picture.size, tuple(boxes), tuple(crowds))
        pictures.append((str(Path(picture.file_name).with_suffix("")), boxed))
    chosen = held_out(pictures, split, 10) if root.is_file() else pictures
    return chosen, ClassMap.identity(classes)


def _coco_box(file: Path, entry: Annotation, label: int) -> Box:
    if entry.bbox is None or len(entry.bbox) != 4:
        what = "no bbox" if entry.bbox is None else f"a bbox of {len(entry.bbox)} numbers"
        raise DataError(f"{file}: {entry.name} has {what}", "a bbox is [x, y, width, height]")
    x, y, width, height = entry.bbox
    return Box(label, y, x, y + height, x + width)


def _trimmed(box: Box, size: tuple[int, int]) -> Box:
    """Clip boxes that lie at most a pixel outside: some tools count from 0, some from 1."""
    (height, width), (label, top, left, bottom, right) = size, box
    return Box(
        label,
        0 if -1 <= top < 0 else top,
        0 if -1 <= left < 0 else left,
        height if height < bottom <= height + 1 else bottom,
        width if width < right <= width + 1 else right,
    )
