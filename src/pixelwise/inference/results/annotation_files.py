"""Results as the files of labelling tools: the regions of one picture, and those of all pictures of a run."""

import io
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from pixelwise.core.files import open_file
from pixelwise.core.pictures.opening import is_heic
from pixelwise.core.pictures.writing import save_picture
from pixelwise.data.annotations.coco import write_coco
from pixelwise.data.annotations.cvat import write_cvat
from pixelwise.data.annotations.geojson import geojson
from pixelwise.data.annotations.labelme import labelme_json, labels_txt
from pixelwise.data.annotations.region_files import write_regions
from pixelwise.data.annotations.region_table import write_region_table
from pixelwise.data.annotations.regions import AnnotatedPicture
from pixelwise.data.annotations.yolo import yolo_text, yolo_yaml
from pixelwise.inference.results.drawing import in_own_colours
from pixelwise.inference.results.kind import Kind, Run, RunFile, Savable, Saving, place_of


def _annotated(result: Savable, path: Path, saving: Saving) -> AnnotatedPicture:
    """The picture with all its regions, simplified. One without a file is called as its result at `path`."""
    regions = tuple(region.simplified(saving.tolerance) for region in result.all_regions)
    return AnnotatedPicture(_file(result) or path.with_suffix(".jpg"), result.size, regions)


def _file(result: Savable) -> Path | None:
    """The file of the picture; None for a page or frame of a file, and for what was never a file."""
    return result.path if result.path is not None and result.path.is_file() else None


def _is_heic_file(path: Path) -> bool:
    """Whether a picture is a HEIC photo, whatever its name: other programs' Pillow does not read those."""
    with open_file(path) as file:
        return is_heic(file.read(12))


def _write_labelme(result: Savable, path: Path, saving: Saving, file: BinaryIO) -> None:
    content, picture = None, _file(result)
    if picture is None or _is_heic_file(picture):  # labelme needs a picture that it can open
        shown = io.BytesIO()
        photo = in_own_colours(Image.fromarray(result.photo()), result.path or result.content)
        save_picture(shown, Path("picture.jpg"), photo)
        content = shown.getvalue()
    text = labelme_json(_annotated(result, path, saving), result.file_classes, path.parent, content)
    file.write(text.encode())


def _write_yolo(result: Savable, path: Path, saving: Saving, file: BinaryIO) -> None:
    file.write(yolo_text(_annotated(result, path, saving), result.file_classes).encode())


def _write_geojson(result: Savable, path: Path, saving: Saving, file: BinaryIO) -> None:
    place = place_of(result)
    on_map = (None, None) if place is None else (place.transform, place.code)
    file.write(geojson(_annotated(result, path, saving), result.file_classes, *on_map).encode())


def _coordinates(result: Savable) -> str:
    place = place_of(result)
    if place is None:
        return "geojson in pixels"
    return f"geojson in the coordinates of {place.code or 'the picture'}"


def _write_hidden(result: Savable, _: Path, __: Saving, file: BinaryIO) -> None:
    write_regions(file, result.all_regions)


def _bytes(result: Savable) -> int:
    """Of tracing, and of the sums of confidences."""
    height, width = result.drawn_size
    return 12 * result.size[0] * result.size[1] + 24 * height * width


def _of_run(run_file: RunFile) -> Kind:
    return Kind("_regions.npz", _write_hidden, memory=_bytes, run_file=run_file, is_hidden=True)


def _labels_txt(run: Run, file: BinaryIO) -> None:
    file.write(labels_txt(run.classes).encode())


def _data_yaml(run: Run, file: BinaryIO) -> None:
    file.write(yolo_yaml(run.classes, run.folder, run.output).encode())


def _coco(run: Run, file: BinaryIO) -> None:
    write_coco(file, run.pictures(), run.classes, run.folder)


def _cvat(run: Run, file: BinaryIO) -> None:
    write_cvat(file, run.pictures(), run.classes, run.folder)


def _table(run: Run, file: BinaryIO) -> None:
    write_region_table(file, run.pictures(), run.classes)


ANNOTATIONS = {
    "labelme": Kind(
        *(".json", _write_labelme),
        memory=_bytes,
        is_annotation=True,
        run_file=RunFile("labels.txt", _labels_txt, lists_classes=True),
    ),
    "yolo": Kind(
        *(".txt", _write_yolo),
        memory=_bytes,
        is_annotation=True,
        run_file=RunFile("data.yaml", _data_yaml, lists_classes=True),
    ),
    "geojson": Kind(".geojson", _write_geojson, memory=_bytes, note=_coordinates, is_annotation=True),
    "coco": _of_run(RunFile("coco.json", _coco)),
    "cvat": _of_run(RunFile("annotations.xml", _cvat)),
    "csv": _of_run(RunFile("regions.csv", _table)),
}
"""The kinds that hold outlines or figures of regions."""


def write_alone(run_file: RunFile, result: Savable, target: Path, saving: Saving, file: BinaryIO) -> None:
    """Write a file about all pictures of a run for one picture, whose results begin with `target`."""
    picture = _annotated(result, Path(f"{target}.jpg"), saving)
    run = Run(lambda: iter([picture]), result.file_classes, picture.path.parent, target.parent)
    run_file.write(run, file)
