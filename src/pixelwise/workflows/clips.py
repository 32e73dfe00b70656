"""Labels of a clip refined over space and time."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from pixelwise.core.classes import voc_palette
from pixelwise.core.errors import ImageError
from pixelwise.core.files import write_together
from pixelwise.core.pictures.writing import save_picture
from pixelwise.core.terminal import printable
from pixelwise.crf.presets import Preset, load_preset
from pixelwise.evaluation.metrics.flicker import flicker
from pixelwise.inference.clips import FRAMES_APART, read_clip, refine_clip
from pixelwise.inference.crf_refiner import DEFAULT_PRESET


@dataclass(frozen=True)
class RefinedClip:
    """The folder of a clip's new labels; flicker `before` and `after`, see evaluation.metrics.flicker."""

    path: Path
    frames: int
    before: float
    after: float


def refine_video(
    frames: str | Path,
    labels: str | Path,
    output: str | Path,
    preset: Preset | str | Path = DEFAULT_PRESET,
    confidence: float = 0.7,
    frames_apart: float = FRAMES_APART,
    overwrite: bool = False,
    threads: int | None = None,
    on_frames: Callable[[int], None] | None = None,
) -> RefinedClip:
    """Refine the labels of a clip in a dense CRF over x, y, t and colour; write palette pictures
    OUTPUT/NAME.png, in the colours of the first label file if it has a palette, else in VOC's.

    frames, labels: folders whose files have the same names, or NAME_mask.png as labels; frames follow each
    other by name. frames_apart: how far the CRF looks in time, a standard deviation in frames. Raises
    DataError for clips that cannot be read, ImageError if `output` is there already, unless `overwrite`, or
    cannot be written into.
    """
    place = Path(output)
    if place.exists() and not (overwrite and place.is_dir()):
        raise ImageError(f"{printable(place)} is there already", "--overwrite replaces it, if it is a folder")
    chosen = preset if isinstance(preset, Preset) else load_preset(preset)
    clip = read_clip(Path(frames), Path(labels))
    refined = refine_clip(clip, chosen, confidence, threads, frames_apart, on_frames)
    palette = clip.palette or [channel for color in voc_palette() for channel in color]
    writes = {}
    for name, ids in zip(clip.names, refined, strict=True):
        picture = Image.fromarray(np.ascontiguousarray(ids))
        picture.putpalette(palette)
        path = place / f"{name}.png"
        writes[path] = partial(_write, path, picture)
    write_together(writes)
    return RefinedClip(
        place, len(clip.names), flicker(clip.frames, clip.labels), flicker(clip.frames, refined)
    )


def _write(path: Path, picture: Image.Image, file: BinaryIO) -> None:
    save_picture(file, path, picture)
