"""The functions of pydensecrf.utils. Widths of the create_ functions go by axis of the array (row, column,
...)."""

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]


def unary_from_labels(
    labels: npt.ArrayLike, n_labels: int, gt_prob: float, zero_unsure: bool = True
) -> Matrix:
    """Energies (n_labels, pixels) of labels that are right with probability gt_prob.

    With zero_unsure, label 0 means "could be anything", n_labels does not count it, and row k is of label k
    + 1. Raises ValueError for a gt_prob outside (0, 1) and for labels beyond n_labels, 255 for void among
    them.
    """
    ids = np.asarray(labels).ravel()
    if not 0 < gt_prob < 1:
        raise ValueError(f"gt_prob must be between 0 and 1, got {gt_prob}")
    if ids.dtype.kind not in "iu" or n_labels < 2:
        raise ValueError(f"labels must be integers of 2 or more classes, got {ids.dtype} of {n_labels}")
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
    """Energies -log p (classes, pixels) of probabilities (classes, ...), never below `clip`.

    scale, in (0, 1], is how far to trust them: they are mixed with the uniform distribution.
    """
    p = np.asarray(sm)
    if p.ndim < 2 or p.dtype.kind != "f":
        raise ValueError(f"probabilities must be (classes, ...) floats, got {p.shape} of {p.dtype}")
    if scale is not None:
        if not 0 < scale <= 1:
            raise ValueError(f"scale must be above 0 and at most 1, got {scale}")
        p = scale * p + (1 - scale) / p.shape[0]
    if clip is not None:
        p = np.clip(p, clip, 1.0)
    if not (p > 0).all():
        raise ValueError("probabilities must be above 0 and not NaN, or be clipped by clip=1e-5")
    return np.asarray(-np.log(p).reshape(p.shape[0], -1), np.float32)


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

    schan: one number for all channels, or a sequence of one for each; a shorter one, of which the peer takes
    the missing widths for 1, raises ValueError. chdim: the axis of the image that holds channels; -1 (sic:
    the peer's) if it has none.
    """
    image = np.asarray(img)
    channels = (image[np.newaxis] if chdim == -1 else np.moveaxis(image, chdim, 0)).astype(np.float32)
    widths = np.asarray(schan, np.float32)
    if widths.shape not in ((), (channels.shape[0],)):
        raise ValueError(
            f"schan must be a number or hold one for each of {channels.shape[0]} channels, got {schan!r}; "
            "is chdim right?"
        )
    _check_widths(np.atleast_1d(widths))
    channels = channels / widths.reshape(-1, *[1] * (channels.ndim - 1))
    positions = create_pairwise_gaussian(sdims, channels.shape[1:])
    return np.concatenate([positions, channels.reshape(channels.shape[0], -1)])


def compute_unary(labels: npt.ArrayLike, M: int, GT_PROB: float = 0.5) -> Matrix:  # noqa: N803
    """unary_from_labels by its old name."""
    warnings.warn("use unary_from_labels instead of compute_unary", DeprecationWarning, stacklevel=2)
    return unary_from_labels(labels, M, GT_PROB)


def softmax_to_unary(sm: npt.ArrayLike, GT_PROB: float = 1) -> Matrix:  # noqa: N803
    """unary_from_softmax by its old name, without clipping."""
    warnings.warn("use unary_from_softmax instead of softmax_to_unary", DeprecationWarning, stacklevel=2)
    return unary_from_softmax(sm, None if GT_PROB == 1 else GT_PROB, clip=None)


def _check_widths(widths: Sequence[float] | npt.NDArray[np.float32]) -> None:
    if not all(0 < float(width) < np.inf for width in widths):
        raise ValueError(f"widths must be positive and finite, got {widths!r}")
