"""The kinds of results, and saving those of one picture.

A new kind is one function that writes it and one entry of KINDS.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pixelwise.core.errors import ArgumentError
from pixelwise.core.files import Write, write_together
from pixelwise.core.pictures.geotiff import write_geotiff
from pixelwise.core.pictures.writing import save_picture
from pixelwise.inference.crf_refiner import refined_size, reserved_bytes
from pixelwise.inference.results.annotation_files import ANNOTATIONS, write_alone
from pixelwise.inference.results.kind import (
    Kind,
    Run,
    Savable,
    SavedAs,
    Saving,
    Size,
    drawn_size,
    place_of,
    sides,
)

FULL_SIZE_VALUES = 100_000_000
"""Probabilities with more values (classes x height x width) are saved at the grid's size."""


def _write_mask(result: Savable, path: Path, _: Saving, file: BinaryIO) -> None:
    save_picture(file, path, result.mask())


def _write_overlay(result: Savable, path: Path, _: Saving, file: BinaryIO) -> None:
    save_picture(file, path, result.overlay())


def _write_cutout(result: Savable, path: Path, _: Saving, file: BinaryIO) -> None:
    save_picture(file, path, result.cutout())


def _write_confidence(result: Savable, path: Path, _: Saving, file: BinaryIO) -> None:
    save_picture(file, path, result.confidence_map())


def _confidence_bytes(result: Savable) -> int:
    return result.drawn_size[0] * result.drawn_size[1] * 16


def _overlay_bytes(result: Savable) -> int:
    return result.drawn_size[0] * result.drawn_size[1] * 24


def _cutout_bytes(result: Savable) -> int:
    count = len(result.classes)
    refining = 0 if result.is_refined else reserved_bytes(refined_size(result.drawn_size, count), count)
    return max(2 * _overlay_bytes(result), refining)


def _write_geotiff(result: Savable, _: Path, __: Saving, file: BinaryIO) -> None:
    write_geotiff(file, result.file_labels, result.file_classes, place_of(result))


def _without_place(result: Savable) -> str:
    return "" if place_of(result) else "geotiff without coordinates, since the picture has none"


def _write_probabilities(result: Savable, _: Path, __: Saving, file: BinaryIO) -> None:
    probabilities = result.probabilities_at(_probabilities_size(result)).astype(np.float16)
    names, palette = np.array(result.classes.names), np.array(result.classes.palette, np.uint8)
    np.savez_compressed(file, probabilities=probabilities, classes=names, palette=palette)


def _probabilities_size(result: Savable) -> Size:
    values = len(result.classes) * result.size[0] * result.size[1]
    return result.size if values <= FULL_SIZE_VALUES else result.grid_size


def _probabilities_bytes(result: Savable) -> int:
    height, width = _probabilities_size(result)
    return len(result.classes) * height * width * 6


KINDS = {
    "mask": Kind("_mask.png", _write_mask),
    "overlay": Kind("_overlay.jpg", _write_overlay, drawn_size, _overlay_bytes),
    "cutout": Kind("_cutout.png", _write_cutout, drawn_size, _cutout_bytes, needs_background=True),
    "confidence": Kind("_confidence.png", _write_confidence, drawn_size, _confidence_bytes),
    "probabilities": Kind(
        "_probabilities.npz", _write_probabilities, _probabilities_size, _probabilities_bytes
    ),
    "geotiff": Kind("_mask.tif", _write_geotiff, note=_without_place),
    **ANNOTATIONS,
}
"""All kinds, by the name that `save` takes."""


def expect_kinds(save: Iterable[str], of_pictures: bool = False) -> tuple[str, ...]:
    """The kinds to save. Raises ValueError for names of no kind, for a text in place of a list, and for kinds
    about all pictures if only those `of_pictures` can be saved.
    """
    if isinstance(save, str):
        raise ArgumentError("save", f'expected a list of kinds, such as ["{save}"], got "{save}"')
    if not isinstance(save, Iterable):
        raise ArgumentError("save", f'expected a list of kinds, such as ["mask"], got {save!r}')
    kinds = tuple(save)
    known = [kind for kind, entry in KINDS.items() if not (of_pictures and entry.is_hidden)]
    if unknown := [kind for kind in kinds if kind not in known]:
        raise ArgumentError(
            "save", f"expected kinds among {', '.join(known)}, got {', '.join(map(str, unknown))}"
        )
    return kinds


def saved_as(result: Savable, kinds: Iterable[str]) -> dict[str, SavedAs]:
    """How each of `kinds` is saved."""
    return {kind: SavedAs(KINDS[kind].size(result), KINDS[kind].note(result)) for kind in kinds}


def saved_notes(whole: Size, saved: Mapping[str, SavedAs]) -> list[str]:
    """Which kinds are saved at another size than that of the picture, and what else to know about them."""
    notes = []
    for size in dict.fromkeys(each.size for each in saved.values() if each.size != whole):
        names = " and ".join(kind for kind, each in saved.items() if each.size == size)
        notes.append(f"{names} saved at {sides(size)}")
    return notes + [each.note for each in saved.values() if each.note]


def writes(result: Savable, paths: Mapping[str, Path], saving: Saving) -> dict[Path, Write]:
    """What fills the files at `paths`, which are by kind."""
    return {path: partial(KINDS[kind].write, result, path, saving) for kind, path in paths.items()}


def save_alone(result: Savable, target: Path, kinds: Iterable[str], saving: Saving) -> dict[str, Path]:
    """Save one result in files whose names begin with `target`; returns the path by kind.

    What is otherwise a file about all pictures of a run, such as coco.json, becomes TARGET_coco.json. Raises
    ValueError for unknown kinds and a target without a name, ImageError if a file cannot be written; then no
    file is.
    """
    kinds = expect_kinds(kinds)
    if target.name in ("", ".."):  # names that begin with a dot are of hidden files
        raise ArgumentError("target", f"expected the beginning of names, such as results/photo, got {target}")
    paths = {kind: Path(f"{target}{KINDS[kind].ending}") for kind in kinds if not KINDS[kind].is_hidden}
    files = writes(result, paths, saving)
    for kind in kinds:
        run_file = KINDS[kind].run_file
        if KINDS[kind].is_hidden and run_file is not None:
            paths[kind] = Path(f"{target}_{run_file.name}")
            files[paths[kind]] = partial(write_alone, run_file, result, target, saving)
    write_together(files)
    return paths


def run_files(run: Run, kinds: Sequence[str]) -> dict[Path, Write]:
    """What fills the files about all pictures that `kinds` have."""
    files = [file for kind in kinds if (file := KINDS[kind].run_file) is not None]
    return {run.output / file.name: partial(file.write, run) for file in files}
