"""The functions of pydensecrf.utils. Widths of the create_ functions are in the order of the array's axes
(row, column, ...)."""

import warnings
from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
import numpy.typing as npt

from pixelwise.crf.potentials import MAX_CLASSES
from pixelwise.crf.pydensecrf.names import renamed
from pixelwise.crf.ranges import check_range

Matrix = npt.NDArray[np.float32]

_ROUNDING = 0.01
"""How far probabilities may leave [0, 1], and their sum 1."""
_MOST_OUTSIDE = 0.1
"""The largest share of numbers outside [0, 1]. Normalised activation maps have some, of scores most are."""


def unary_from_labels(
    labels: npt.ArrayLike, n_labels: int, gt_prob: float, zero_unsure: bool = True
) -> Matrix:
    """Energies (n_labels, pixels) of labels that are right with probability gt_prob.

    Labels are integers or bools. With zero_unsure, label 0 means "could be anything", n_labels does not count
    it, and row k belongs to label k + 1. Raises ValueError for a gt_prob outside (0, 1) and for labels beyond
    n_labels, including 255 for void.
    """
    ids = np.asarray(labels).ravel()
    if not isinstance(gt_prob, Real | np.number) or not 0 < gt_prob < 1:
        raise ValueError(f"gt_prob must be between 0 and 1, got {gt_prob!r}")
    whole = isinstance(n_labels, Integral) and not isinstance(n_labels, bool)
    if ids.dtype.kind not in "biu" or not whole or not 2 <= n_labels <= MAX_CLASSES:
        raise ValueError(
            f"labels must be integers of 2 or more classes (up to {MAX_CLASSES}), "
            f"got {ids.dtype} of {n_labels!r}"
        )
    first = 1 if zero_unsure else 0
    unsure = (ids == 0) & zero_unsure
    strange = ~unsure & ((ids < first) | (ids >= n_labels + first))
    if strange.any():
        raise ValueError(
            f"label {ids[strange][0]} is not among {first}..{n_labels + first - 1}; set void pixels to 0 and "
            "use zero_unsure=True, or use pixelwise.crf.unary_from_labels, which knows void"
        )
    energies = np.full((n_labels, ids.size), -np.log((1.0 - gt_prob) / (n_labels - 1)), np.float32)
    sure = np.flatnonzero(~unsure)
    energies[ids[sure].astype(np.intp) - first, sure] = -np.log(gt_prob)
    energies[:, unsure] = np.log(n_labels)
    return energies


def unary_from_softmax(sm: npt.ArrayLike, scale: float | None = None, clip: float | None = 1e-5) -> Matrix:
    """Energies -log p (classes, pixels) of probabilities (classes, ...), never below `clip`. Without it, the
    energy of 0 is infinity.

    Masks of 0 and 1, or of bools, are probabilities too. The numbers of a pixel need not add up to 1, such as
    those of class activation maps: beliefs begin with each number's share of their sum. scale, in (0, 1], is
    the confidence in them: they are mixed with the uniform distribution. Raises ValueError if more than a
    tenth of the numbers are outside [0, 1], which means scores, for NaN, for a map of the foreground alone,
    and for probabilities that add up to 1 along another axis than the first.
    """
    given = np.asarray(sm)
    if given.ndim < 1 or given.dtype.kind not in "biuf" or given.size == 0:
        raise ValueError(f"probabilities must be (classes, ...) numbers, got {given.shape} of {given.dtype}")
    p = given if given.dtype.kind == "f" else given.astype(np.float32)
    outside = (p < -_ROUNDING) | (p > 1 + _ROUNDING)
    if np.isnan(p.min()) or outside.mean() > _MOST_OUTSIDE:
        raise ValueError(
            f"probabilities must be within [0, 1], but these reach from {p.min():.3g} to {p.max():.3g}; "
            "scores need a softmax over axis 0 first, and values up to 255 a division by 255"
        )
    if not _add_up(p, 0):
        if len(p) == 1:
            raise ValueError(
                "a map of the foreground needs the background as a second class: np.stack([1 - p, p])"
            )
        turned = [axis for axis in range(1, p.ndim) if p.shape[axis] > 1 and _add_up(p, axis)]
        if turned:
            raise ValueError(
                "probabilities must have the classes on axis 0, but these add up to 1 along axis "
                f"{turned[0]}; np.moveaxis(p, {turned[0]}, 0) puts them first"
            )
    if scale is not None:
        if not 0 < scale <= 1:
            raise ValueError(f"scale must be above 0 and at most 1, got {scale}")
        p = scale * p + (1 - scale) / p.shape[0]
    if clip is not None:
        if not 0 <= clip <= 1:
            raise ValueError(f"clip must be a probability, from 0 to 1, got {clip}")
        p = np.clip(p, clip, 1.0)
    if not (p >= 0).all():
        raise ValueError("a number below 0 has no energy; clip it, with clip=1e-5 for example")
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log(p).reshape(p.shape[0], -1), np.float32)


def _add_up(p: npt.NDArray[np.floating], axis: int) -> bool:
    """Whether they are distributions along this axis."""
    return bool((abs(p.sum(axis=axis, dtype=np.float32) - 1) <= _ROUNDING).all())


def create_pairwise_gaussian(sdims: Sequence[float], shape: Sequence[int]) -> Matrix:
    """Features (axes, pixels): positions over the width of each axis."""
    if len(sdims) != len(shape):
        raise ValueError(f"there must be a width for each of {len(shape)} axes, got {len(sdims)}")
    _check_widths(sdims)
    grid = np.indices(tuple(shape), np.float32)
    for along, width in zip(grid, sdims, strict=True):
        along /= np.float32(width)
    return grid.reshape(len(shape), -1)


def create_pairwise_bilateral(
    sdims: Sequence[float], schan: float | Sequence[float], img: npt.ArrayLike, chdim: int = -1
) -> Matrix:
    """Features (axes + channels, pixels): positions and channels over their widths.

    schan: one number for all channels, or a sequence with one for each. A shorter sequence raises ValueError
    (pydensecrf fills it with 1), and so do values that do not fit schan (see pixelwise.crf.ranges). chdim:
    the axis of the image that holds channels; -1 (sic: pydensecrf's) if it has none.
    """
    image = np.asarray(img)
    if image.dtype.kind not in "biuf" or image.size == 0:
        raise ValueError(f"the image must hold real numbers, got {image.shape} of {image.dtype}")
    if chdim not in range(-image.ndim, image.ndim):
        raise ValueError(f"chdim must be an axis of the image, which has {image.ndim}, got {chdim!r}")
    planes = image[np.newaxis] if chdim == -1 else np.moveaxis(image, int(chdim), 0)
    widths = np.asarray(schan, np.float32)
    if widths.shape not in ((), (len(planes),)):
        raise ValueError(
            f"schan must be a number or hold one for each of {len(planes)} channels, got {schan!r}; "
            "is chdim right?"
        )
    widths = np.broadcast_to(widths, len(planes))
    _check_widths(widths)
    with np.errstate(over="ignore"):
        channels = planes.astype(np.float32) / widths.reshape(-1, *[1] * (planes.ndim - 1))
    if not np.isfinite(channels).all():
        raise ValueError("the image holds NaN, infinite or too large numbers; replace them first")
    with renamed(theta_beta="schan"):
        check_range(np.moveaxis(planes, 0, -1), widths)
    positions = create_pairwise_gaussian(sdims, channels.shape[1:])
    return np.concatenate([positions, channels.reshape(channels.shape[0], -1)])


def compute_unary(labels: npt.ArrayLike, M: int, GT_PROB: float = 0.5) -> Matrix:  # noqa: N803
    """The old name of unary_from_labels."""
    warnings.warn("use unary_from_labels instead of compute_unary", DeprecationWarning, stacklevel=2)
    return unary_from_labels(labels, M, GT_PROB)


def softmax_to_unary(sm: npt.ArrayLike, GT_PROB: float = 1) -> Matrix:  # noqa: N803
    """The old name of unary_from_softmax, without clipping."""
    warnings.warn("use unary_from_softmax instead of softmax_to_unary", DeprecationWarning, stacklevel=2)
    return unary_from_softmax(sm, None if GT_PROB == 1 else GT_PROB, clip=None)


def _check_widths(widths: Sequence[float] | npt.NDArray[np.float32]) -> None:
    if not all(0 < float(width) < np.inf for width in widths):
        raise ValueError(f"widths must be positive and finite, got {widths!r}")
