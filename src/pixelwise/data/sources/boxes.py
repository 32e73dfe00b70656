"""Data sets of bounding boxes: VOC's XML and COCO's JSON. Labels are drawn from the boxes when they are read.

VOC: see voc_boxes.py. COCO: "bbox" of every annotation, x, y, width, height, starting at 0; a crowd's box is
void outside objects.
"""

from collections.abc import Sequence
from pathlib import Path

from pixelwise.core.boxes import Box
from pixelwise.core.errors import DataError
from pixelwise.data.class_map import ClassMap
from pixelwise.data.formats.coco_records import (
    Annotation,
    InstanceFile,
    by_picture,
    coco_classes,
    expect_known,
)
from pixelwise.data.formats.records import read_json
from pixelwise.data.sample import SEMANTIC, Entry, LabelledImages
from pixelwise.data.sample_files import ImageFile
from pixelwise.data.sources.boxed_pictures import BoxedPicture, Draw, DrawnLabels, trimmed
from pixelwise.data.sources.coco import annotation_file, photo_of, photos_of
from pixelwise.data.sources.folder import held_out
from pixelwise.data.sources.voc_boxes import voc_boxes
from pixelwise.data.spec import joined, locate


def open_boxes(spec: str, split: str, classes: str | None, draw: Draw) -> LabelledImages:
    """The split of voc:PATH or coco:PATH, with labels that `draw` makes from its boxes; `split` and `classes`
    as in `open_dataset`.

    All annotations are read here. Raises DataError for annotations that are not boxes, and if there are none.
    """
    source, path, options = locate(spec)
    if source.kind not in ("voc", "coco") or options.keys() - {"images"}:
        raise DataError(
            f'cannot read boxes of "{spec}"',
            "boxes are VOC's XML or COCO's JSON: voc:PATH or coco:PATH[,images=FOLDER]",
        )

    def read(split: str) -> LabelledImages:
        if source.kind == "voc":
            pictures, class_map = voc_boxes(path, split)
        else:
            pictures, class_map = _coco(path, split, options.get("images", ""))
        if not any(boxed.boxes for _, boxed in pictures):
            raise DataError(
                f'there are no boxes in the split "{split}" of {spec}', "draw some, or name another split"
            )
        entries = tuple(
            Entry(id_, ImageFile(boxed.picture), {SEMANTIC: DrawnLabels(boxed, draw)})
            for id_, boxed in pictures
        )
        return LabelledImages(f"{spec} {split}", entries, {SEMANTIC: ClassMap.identity(class_map.classes)})

    dataset = joined(spec, source.splits, read) if split == "all" else read(split)
    return dataset if classes is None else dataset.select(classes)


def _coco(root: Path, split: str, images: str) -> tuple[Sequence[tuple[str, BoxedPicture]], ClassMap]:
    file = root if root.is_file() else annotation_file(root, split, "instances")
    content = read_json(file, "annotation file", InstanceFile)
    place = photos_of(file, content.images, images)
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
            (crowds if entry.iscrowd else boxes).append(trimmed(box, picture.size))
        path, id_ = photo_of(place, picture)
        boxed = BoxedPicture(file, path, picture.size, tuple(boxes), tuple(crowds))
        pictures.append((id_, boxed))
    chosen = held_out(pictures, split, 10) if root.is_file() else pictures
    return chosen, ClassMap.identity(classes)


def _coco_box(file: Path, entry: Annotation, label: int) -> Box:
    if entry.bbox is None or len(entry.bbox) != 4:
        what = "no bbox" if entry.bbox is None else f"a bbox of {len(entry.bbox)} numbers"
        raise DataError(f"{file}: {entry.name} has {what}", "a bbox is [x, y, width, height]")
    x, y, width, height = entry.bbox
    return Box(label, y, x, y + height, x + width)
