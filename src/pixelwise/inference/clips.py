"""A dense CRF over space and time: the labels of a clip's frames pulled to what moves and what stays.

Pixels are alike by place, frame and colour; the discussion of DeepLab v1 names video as a next step. A clip
is a folder of frames in the order of their names, and a folder of label files called as the frames are,
NAME.png, or as `pixelwise segment` calls its masks, NAME_mask.png.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import DataError
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES
from pixelwise.core.pictures.reading import read_picture
from pixelwise.core.terminal import printable
from pixelwise.core.types import VOID, Labels, RGBImage
from pixelwise.crf import Bilateral, DenseCRF, Gaussian, LatticeTooLarge, Preset, unary_from_labels
from pixelwise.data.sample_files import read_ids
from pixelwise.data.sources.folder import by_stem
from pixelwise.inference.crf_refiner import MOST_BYTES, most_vertices, refining_bytes
from pixelwise.inference.external_results import CONFIDENCE, palette_of

_MASK = "_mask"
FRAMES_APART = 3.0
"""The standard deviation of time, in frames."""


@dataclasses.dataclass(frozen=True)
class Clip:
    """frames (T, H, W, 3) and labels (T, H, W), VOID where unknown; `names` of T files without endings.
    palette: of the first label file, r, g, b in turn, if it has one.
    """

    names: tuple[str, ...]
    frames: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    palette: list[int] | None = None


def read_clip(frames: Path, labels: Path) -> Clip:
    """The clip of two folders. Raises DataError if a frame has no labels, sizes differ, or a file cannot be
    read.
    """
    for folder in (frames, labels):
        if not folder.is_dir():
            raise DataError(
                f"{printable(folder)} is not a folder", "a clip is a folder of frames and a folder of labels"
            )
    pictures, maps = by_stem(frames, IMAGE_SUFFIXES), by_stem(labels, IMAGE_SUFFIXES)
    if not pictures:
        raise DataError(f"no pictures in {printable(frames)}", "save the frames of the video there")
    names = sorted(pictures)
    own = {name: name if name in maps else f"{name}{_MASK}" for name in names}
    if missing := [name for name in names if own[name] not in maps]:
        raise DataError(
            f"{len(missing)} frames have no labels in {printable(labels)}, {printable(missing[0])} for one",
            f"label files must be called as the frames are, perhaps with {_MASK} at the end",
        )
    read: list[RGBImage] = []
    ids: list[Labels] = []
    for name in names:
        picture, label = pictures[name], maps[own[name]]
        read.append(read_picture(picture))
        ids.append(read_ids(label))
        size = read[0].shape[:2]
        for path, found in ((picture, read[-1].shape[:2]), (label, ids[-1].shape)):
            if found != size:
                raise DataError(
                    f"{printable(path)} is {found[1]} x {found[0]} pixels, "
                    f"the first frame {size[1]} x {size[0]}",
                    "all frames and labels of a clip must have one size",
                )
    return Clip(tuple(names), np.stack(read), np.stack(ids), palette_of(maps[own[names[0]]]))


def refine_clip(
    clip: Clip,
    preset: Preset,
    confidence: float = CONFIDENCE,
    threads: int | None = None,
    frames_apart: float = FRAMES_APART,
    on_frames: Callable[[int], None] | None = None,
) -> npt.NDArray[np.uint8]:
    """(T, H, W) labels after the CRF over x, y, t and colour; ids are those of the clip.

    preset: widths in pixels and grey levels, weights and iterations. frames_apart: the width of time. A clip
    that takes more than MOST_BYTES is refined in parts that overlap, each with the frames around it. Raises
    DataError if a clip has no label or not even three frames fit into memory.
    """
    ids = np.unique(clip.labels[clip.labels != VOID])
    if ids.size == 0:
        raise DataError(
            "the clip has no label: all pixels are 255, which is void", "label some of its pixels"
        )
    if ids.size == 1:
        return np.full_like(clip.labels, ids[0])
    places = np.searchsorted(ids, clip.labels.clip(max=int(ids[-1]))).astype(np.uint8)
    places[clip.labels == VOID] = VOID
    count, size = len(clip.frames), (clip.frames.shape[1], clip.frames.shape[2])
    around = int(np.ceil(2 * frames_apart))
    most = MOST_BYTES // refining_bytes(size, ids.size)
    refined = np.empty_like(clip.labels)
    start = 0
    while start < count:
        length = count - start if count <= most else max(1, most - 2 * around)
        while True:
            first, last = max(0, start - around), min(count, start + length + around)
            try:
                labels = _refined(
                    clip.frames[first:last],
                    places[first:last],
                    ids.size,
                    preset,
                    confidence,
                    threads,
                    frames_apart,
                )
                break
            except LatticeTooLarge:
                if length == 1 and around == 0:
                    raise DataError(
                        f"a frame of {size[1]} x {size[0]} takes more memory than there is",
                        "reduce the frames",
                    ) from None
                length, around = (length // 2, around) if length > 1 else (1, around // 2)
        stop = min(count, start + length)
        refined[start:stop] = ids[labels[start - first : stop - first]]
        start = stop
        if on_frames is not None:
            on_frames(stop)
    return refined


def _refined(
    frames: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.uint8],
    classes: int,
    preset: Preset,
    confidence: float,
    threads: int | None,
    frames_apart: float,
) -> npt.NDArray[np.uint8]:
    size = frames.shape[1], frames.shape[2] * frames.shape[0]
    sized = preset.for_size(frames.shape[1:3])
    near = (frames_apart, sized.theta_gamma, sized.theta_gamma)
    wide = (frames_apart, sized.theta_alpha, sized.theta_alpha)
    crf = DenseCRF(
        unary_from_labels(labels, classes, confidence, VOID),
        (
            Gaussian(near, sized.w2, sized.normalization),
            Bilateral(frames, wide, sized.theta_beta, sized.w1, sized.normalization),
        ),
        threads=threads,
        most_vertices=most_vertices(size, classes),
    )
    crf.step(sized.iterations)
    return crf.labels().astype(np.uint8)
