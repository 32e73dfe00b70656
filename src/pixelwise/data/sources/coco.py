"""COCO's JSON: instances (polygons and run lengths) or panoptic (a PNG of segment ids per picture).

Classes of instances are "background" and the categories in the order of their ids. An object is the union of
its parts. Smaller objects are drawn above larger ones, whatever their order in the file; crowds count as
their category. A panoptic file has categories only; its pixels without a segment are void. Source: Lin et al.
2014, Kirillov et al. 2019; cocodataset.org.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path

import numpy as np

from pixelwise.core.errors import DataError, SplitError
from pixelwise.core.types import VOID, Labels
from pixelwise.core.visible_files import visible
from pixelwise.data.class_map import ClassMap
from pixelwise.data.formats.coco_records import (
    Annotation,
    InstanceFile,
    PanopticFile,
    Picture,
    by_picture,
    coco_classes,
    expect_known,
)
from pixelwise.data.formats.outlines import area
from pixelwise.data.formats.records import expect_distinct, parse_json
from pixelwise.data.kind import Source, one_of
from pixelwise.data.painted_labels import Object, painted
from pixelwise.data.sample import SEMANTIC, Entry, LabelledImages
from pixelwise.data.sample_files import ColourFile, ImageFile, read_text
from pixelwise.data.sources.folder import held_out, is_split


@dataclass(frozen=True)
class Instances:
    """The objects of one picture, each with its class id and the name of its class."""

    path: Path
    image: ImageFile
    size: tuple[int, int]
    objects: tuple[tuple[int, str, Annotation], ...]

    def read(self) -> Labels:
        return self.draw()[0]

    def draw(self) -> tuple[Labels, tuple[str, ...]]:
        things = [self._thing(*entry) for entry in self.objects]
        smaller_last = sorted(things, key=lambda thing: -area(thing.shapes))
        return painted(self.path, self.image, self.size, smaller_last)

    def _thing(self, label: int, name: str, annotation: Annotation) -> Object:
        try:
            return Object(label, f"{name} ({annotation.name})", annotation.shapes(self.size))
        except ValueError as error:
            raise DataError(
                f"{self.path}: {annotation.name} in {self.image.path} cannot be drawn: {error}",
                "correct or remove it",
            ) from None


@dataclass(frozen=True)
class Panoptic:
    """A picture of segment ids (red + 256 green + 65536 blue), and the class id of each."""

    path: Path
    classes: Mapping[int, int]

    def read(self) -> Labels:
        return self.draw()[0]

    def draw(self) -> tuple[Labels, tuple[str, ...]]:
        colours = ColourFile(self.path).read()
        segments = (colours >> 16) | (colours & 0xFF00) | ((colours & 0xFF) << 16)
        values, places = np.unique(segments, return_inverse=True)
        known = {0: VOID} | dict(self.classes)
        if missing := [value for value in values.tolist() if value not in known]:
            raise DataError(
                f"{self.path} holds segments that its JSON does not name: {missing[:8]}",
                "the pictures and the JSON must be of one release",
            )
        ids = np.array([known[value] for value in values.tolist()], np.uint8)[places]
        hidden = sorted(self.classes.keys() - set(values.tolist()))
        return ids.reshape(segments.shape), tuple(f"segment {id_}, which has no pixel" for id_ in hidden)


def coco(root: Path, split: str, images: str = "", labels: str = "") -> LabelledImages:
    """The split of COCO's folder `root`, or of a single JSON file (split as in folder.py).

    `images` is the folder of the pictures; `labels` is "instances" (default) or "panoptic".
    """
    one_of("labels", labels, ("", "instances", "panoptic"))
    file = root if root.is_file() else annotation_file(root, split, labels)
    text = read_text(file, "annotation file")
    panoptic = labels == "panoptic" or (not labels and '"segments_info"' in text)
    try:
        entries, class_map = (_panoptic if panoptic else _instances)(text, file, images)
    except ValueError as error:
        raise DataError(f"{file}: {error}", "correct the names of its categories") from None
    path, times = next(iter(Counter(entry.image.path for entry in entries).most_common(1)), (file, 1))
    if times > 1:
        raise DataError(
            f"{file} means {path} by {times} different names", "put pictures where their file_name says"
        )
    chosen = held_out(entries, split, 10) if root.is_file() else entries
    return LabelledImages(f"coco:{root} {split}", chosen, {SEMANTIC: class_map})


def annotation_file(root: Path, split: str, labels: str) -> Path:
    """The JSON of the split below the folder `root`; `labels` as in `coco`.

    Raises SplitError if there is none, DataError if several names start with it, such as val2014 and val2017.
    """
    kinds = [labels] if labels else ["instances", "panoptic"]
    for kind in kinds:
        exact = root / "annotations" / f"{kind}_{split}.json"
        found = [exact] if exact.is_file() else visible(exact.parent, f"{kind}_{escape(split)}*.json")
        found = found or [
            path
            for path in visible(exact.parent, f"{kind}_*.json")
            if is_split(path.stem.removeprefix(f"{kind}_"), split)
        ]
        if len(found) > 1:
            years = ", ".join(path.stem.removeprefix(f"{kind}_") for path in found)
            raise DataError(f'the split "{split}" of {root} may be any of {years}', "name one of these")
        if found:
            return found[0]
    for name in (split, "valid" if split == "val" else split):
        path = root / name / "_annotations.coco.json"
        if path.is_file():
            return path
    expected = root / "annotations" / f"{kinds[0]}_{split}*.json"
    others = [path.name for path in visible(root / "annotations", "*.json")]
    there = f"there are {', '.join(others[:8])}; " if others else ""
    hint = f"{there}PATH may also name a JSON file itself"
    raise SplitError(f'no split "{split}": {expected} not found', hint)


def photos_of(file: Path, pictures: Sequence[Picture], images: str = "") -> Path:
    """The folder `images`, or else the first of the usual folders that holds one of the pictures of the
    annotation file; the file's own if none does.
    """
    if images:
        return Path(images).expanduser()
    name, above = file.stem.partition("_")[2], file.parent.parent
    own = [above / name, above / "images" / name] if name else []
    usual = (*own, file.parent / "images", file.parent, above / "images", file.parent / "data")
    places = [place for place in usual if place.is_dir()]
    for names in ([picture.file_name for picture in pictures], [_bare(one.file_name) for one in pictures]):
        for place in places:
            if any((place / name).is_file() for name in names):
                return place
    return next((place for place in own if place.is_dir()), file.parent)


def photo_of(photos: Path, picture: Picture) -> tuple[Path, str]:
    """The file of a picture in the folder `photos`, and the sample's id. Names that are paths of another
    machine, as Label Studio writes them, mean the file of that name.
    """
    name, bare = picture.file_name, _bare(picture.file_name)
    if name != bare and not (photos / name).is_file() and (photos / bare).is_file():
        name = bare
    return photos / name, str(Path(name).with_suffix(""))


def _bare(name: str) -> str:
    return name.rpartition("/")[2]


def _instances(text: str, file: Path, images: str) -> tuple[tuple[Entry, ...], ClassMap]:
    content = parse_json(text, f"the annotation file {file}", InstanceFile)
    expect_known(file, content.categories, [entry.category_id for entry in content.annotations])
    objects = by_picture(file, content.images, content.annotations)
    _expect_outlines(file, content)
    classes, ids = coco_classes(content.categories)
    photos = photos_of(file, content.images, images)

    def entry(picture: Picture) -> Entry:
        annotations = objects[picture.id]
        labels = [ids[annotation.category_id] for annotation in annotations]
        named = zip(labels, (classes.names[label] for label in labels), annotations, strict=True)
        path, id_ = photo_of(photos, picture)
        image = ImageFile(path)
        return Entry(id_, image, {SEMANTIC: Instances(file, image, picture.size, tuple(named))})

    entries = tuple(map(entry, sorted(content.images, key=lambda picture: picture.file_name)))
    return entries, ClassMap.identity(classes)


def _expect_outlines(file: Path, content: InstanceFile) -> None:
    """Raise DataError for objects with a box only: they would be lost; the CRF can make labels from boxes."""
    names = {picture.id: picture.file_name for picture in content.images}
    boxed = [entry for entry in content.annotations if entry.bbox and not entry.is_outlined]
    if boxed:
        first = ", ".join(f"{entry.name} in {names[entry.image_id]}" for entry in boxed[:3])
        raise DataError(
            f"{file}: {len(boxed)} of {len(content.annotations)} objects have a box but no outline: {first}"
            f"{', ...' * (len(boxed) > 3)}",
            f"`pixelwise boxes-to-masks coco:{file}` makes labels from boxes; or remove these objects",
        )


def _panoptic(text: str, file: Path, images: str) -> tuple[tuple[Entry, ...], ClassMap]:
    content = parse_json(text, f"the annotation file {file}", PanopticFile)
    segments = [segment.category_id for entry in content.annotations for segment in entry.segments_info]
    expect_known(file, content.categories, segments)
    by_picture(file, content.images, content.annotations)
    once = "keep one annotation for each picture"
    expect_distinct(
        file, "image_id among its annotations", (one.image_id for one in content.annotations), once
    )
    expect_distinct(
        file, "file_name among its annotations", (one.file_name for one in content.annotations), once
    )
    classes, ids = coco_classes(content.categories, panoptic=True)
    pictures = {picture.id: picture for picture in content.images}
    photos, place = photos_of(file, content.images, images), file.parent / file.stem
    entries = []
    for entry in sorted(content.annotations, key=lambda entry: entry.file_name):
        part = Panoptic(
            place / entry.file_name, {segment.id: ids[segment.category_id] for segment in entry.segments_info}
        )
        path, id_ = photo_of(photos, pictures[entry.image_id])
        entries.append(Entry(id_, ImageFile(path), {SEMANTIC: part}))
    return tuple(entries), ClassMap.identity(classes)


SOURCE = Source(
    kind="coco",
    title="COCO, and other data in COCO's instance or panoptic JSON",
    read=coco,
    splits=("train", "val"),
    layout="annotations/{instances,panoptic}_SPLIT*.json + SPLIT*/FILE.jpg "
    "(+ annotations/panoptic_SPLIT*/FILE.png); SPLIT/_annotations.coco.json; or one JSON file + images/ or "
    "data/",
    get="https://cocodataset.org/#download",
    terms="annotations CC BY 4.0; Flickr photos under their own terms",
    options={"images": "the folder of the pictures", "labels": "instances (default) or panoptic"},
    suffixes=(".json",),
)
