"""Segmentations of pictures, refined by the CRF of a preset."""

from collections.abc import Generator, Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise import _core
from pixelwise.core.terminal import counted
from pixelwise.core.threads import in_order, thread_count
from pixelwise.core.types import VOID
from pixelwise.crf.dense_crf import Q, mean_field
from pixelwise.crf.potentials import unary_from_labels, unary_from_probabilities
from pixelwise.crf.presets import DENSECRF, Preset, load_preset
from pixelwise.crf.shapes import fits, shape_fault

_FLOOR = 1e-8
"""Of probabilities that are interpolated; float16 has no smaller one."""

_MOST_FOUND = 256
"""The most classes that `refine` takes from labels alone; more are rather the numbers of objects."""

_MOST_CHANNELS = 4
"""Of a picture, RGBA. A volume is wider."""


def refine(
    image: npt.ArrayLike,
    probabilities_or_labels: npt.ArrayLike,
    *,
    preset: Preset | str | Path = DENSECRF,
    iterations: int | None = None,
    tolerance: float | None = None,
    classes: int | None = None,
    confidence: float = 0.7,
    void: int | None = VOID,
    threads: int | None = None,
) -> Q:
    """Refine a segmentation along the edges of its image. Returns probabilities (C, H, W); argmax(0) gives
    the new labels.

    image: (H, W) or (H, W, channels) with values from 0 to 255. The second argument is either (C, H, W)
    probabilities (floats) or (H, W) labels (integers, or truth values for the labels 0 and 1). A label is
    right with probability `confidence`; `void` makes all classes equally likely. `classes` (default: the
    largest label + 1) is only for labels. Probabilities of a smaller grid (C, h, w), as nets give them, are
    interpolated. Volumes, (D, H, W), work too. preset: also by name, or a preset file. tolerance: end the
    iterations when beliefs change by less; see DenseCRF.step.

    Raises PresetError for an unknown preset, ValueError for arguments that do not fit together, and for input
    that would silently have no effect: an image of 0 to 1 or of 16 bits, or labels with no ids but 0 and
    `void`.
    """
    chosen = load_preset(preset)
    picture, given = np.asarray(image), np.asarray(probabilities_or_labels)
    if given.dtype == bool:  # a mask: the labels 0 and 1, also where it is empty
        given, classes = given.astype(np.uint8), 2 if classes is None else classes
    given = _fitted(given, picture)
    if given.dtype.kind in "iu":
        known = given[given != void] if void is not None else given
        if classes is None:
            if known.size == 0:
                raise ValueError("no pixel has a label, so the number of classes is unknown; pass classes=")
            classes = max(1, int(known.max()) + 1)
            if classes > _MOST_FOUND:
                raise ValueError(
                    f"the largest label is {classes - 1}, which would make {classes} classes; if labels "
                    "number objects, give each its class first, or else pass classes="
                )
            if classes == 1 and known.size < given.size:
                raise ValueError(
                    f"the only label is 0, all else is {void}, which is void, so there is nothing to decide; "
                    f"if {void} is an object, make it 1, or else pass classes="
                )
        unary = unary_from_labels(given, classes, confidence, void)
    else:
        unary = unary_from_probabilities(given)
        if classes is not None and classes != len(unary):
            raise ValueError(f"probabilities have {len(unary)} classes along axis 0, not classes={classes}")
    steps = chosen.iterations if iterations is None else iterations
    kernels = chosen.kernels(picture)
    return mean_field(unary, kernels, iterations=steps, tolerance=tolerance, threads=threads, out=unary)


def refine_many(
    images: Iterable[npt.ArrayLike],
    probabilities_or_labels: Iterable[npt.ArrayLike],
    *,
    preset: Preset | str | Path = DENSECRF,
    iterations: int | None = None,
    tolerance: float | None = None,
    classes: int | None = None,
    confidence: float = 0.7,
    void: int | None = VOID,
    threads: int | None = None,
) -> Generator[Q, None, None]:
    """Refine many pictures, each on one thread; yields what `refine` returns, in order.

    This is faster than refining them one by one on all threads, which sometimes wait for each other. Both
    arguments may be generators: at most 2 * threads pictures and results are in memory. The other arguments
    are those of `refine`. Errors are those of `refine`, and name the picture by its index from 0; pictures
    before it have been yielded by then. Raises ValueError if there are more of one than of the other.
    """

    chosen = load_preset(preset)

    def one(picture: tuple[int, tuple[npt.ArrayLike, npt.ArrayLike]]) -> Q:
        index, (image, given) = picture
        try:
            return refine(
                image,
                given,
                preset=chosen,
                iterations=iterations,
                tolerance=tolerance,
                classes=classes,
                confidence=confidence,
                void=void,
                threads=1,
            )
        except ValueError as problem:
            raise ValueError(f"picture {index}: {problem}") from problem
        except Exception as problem:
            problem.add_note(f"picture {index}")
            raise

    pairs = _paired(images, probabilities_or_labels)
    return in_order(one, enumerate(pairs), thread_count(threads))


def _paired(
    images: Iterable[npt.ArrayLike], given: Iterable[npt.ArrayLike]
) -> Iterator[tuple[npt.ArrayLike, npt.ArrayLike]]:
    """As zip; ValueError if one ends before the other, after the pairs that there are."""
    end: Any = object()
    for index, (image, own) in enumerate(zip_longest(images, given, fillvalue=end)):
        if image is end or own is end:
            number = counted(index, "image")
            raise ValueError(
                f"refine_many got {number}, but probabilities or labels of more"
                if image is end
                else f"refine_many got more images than the {number} that it got probabilities or labels of"
            )
        yield image, own


def _fitted(given: npt.NDArray[Any], picture: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Labels or probabilities at the size of the picture, interpolated if they are of a smaller grid; those
    of volumes unchanged.
    """
    size, floats = picture.shape[:2], given.dtype.kind == "f"
    if floats and given.ndim == 2 and given.shape == size:
        if given.size and given.max() > 1:
            raise ValueError(f"labels must be integers, labels.astype(int), got an array of {given.dtype}")
        raise ValueError(
            f"probabilities must be (C, H, W), got {given.shape}: a probability of the foreground needs the "
            "background as a second class, np.stack([1 - p, p])"
        )
    if _are_batches(given.shape, picture.shape):
        raise ValueError(
            f"refine takes one picture, got {picture.shape} and {given.shape}: take images[0] and "
            "probabilities[0] of a batch, or refine_many(images, probabilities), with channels last"
        )
    if picture.ndim == 3 and given.ndim == 2 + floats and _is_channels_first(picture.shape, given.shape[-2:]):
        raise ValueError(
            f"the image must have its channels last, got {picture.shape}: image.transpose(1, 2, 0)"
        )
    if not floats and _has_channels(given.shape, picture.shape):
        raise ValueError(
            f"labels must be {size}, one number a pixel, got {given.shape}; of a mask read as RGB take one "
            "channel, labels[..., 0]; of one mask a class take argmax over the classes"
        )
    if picture.ndim not in (2, 3) or given.ndim != 2 + floats:
        return given
    if given.shape[-2:] == size:
        return given
    if not floats or not fits(given.shape, size):
        raise ValueError("; ".join(shape_fault(given.shape, size)))
    scores = -unary_from_probabilities(given, _FLOOR)
    fitted = np.empty((len(given), *size), np.float32)
    _core.pixel_probabilities(np.ascontiguousarray(scores), fitted)
    return fitted


def _are_batches(probabilities: tuple[int, ...], pictures: tuple[int, ...]) -> bool:
    """Whether these are N of both, as nets take and give them, and not (C, D, H, W) of a volume."""
    if len(probabilities) != 4 or len(pictures) != 4 or probabilities[1:] == pictures[:3]:
        return False
    return probabilities[0] == pictures[0] and probabilities[2:] in (pictures[1:3], pictures[2:])


def _is_channels_first(picture: tuple[int, ...], size: tuple[int, ...]) -> bool:
    """Whether a picture of this size has its channels first, as torch's have."""
    return picture[0] <= _MOST_CHANNELS and picture[1:] == size and picture[:2] != size


def _has_channels(labels: tuple[int, ...], picture: tuple[int, ...]) -> bool:
    """Whether labels have a third axis, although they are of a picture (H, W) or (H, W, channels)."""
    is_volume = len(picture) > 3 or any(width > _MOST_CHANNELS for width in picture[2:])
    return len(labels) == 3 and not is_volume and picture[:2] in (labels[:2], labels[1:])
