"""The terms of a dense CRF's energy: unaries of each pixel, and kernels for the similarity of pixels.

A kernel maps every pixel to a feature space in units of standard deviations; the similarity of two pixels is
exp(-|f_i - f_j|^2 / 2). Source: Krähenbühl and Koltun 2011, equations 2 and 3.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import ArgumentError
from pixelwise.core.types import VOID, is_number, is_whole
from pixelwise.crf.ranges import check_range

Normalization = Literal["none", "before", "after", "symmetric"]
"""With K the matrix of similarities and D the diagonal of its row sums: K, K/D, D\\K or D^-1/2 K D^-1/2."""

Width = float | Sequence[float]
"""A standard deviation, one for all axes or one per axis."""

Features32 = npt.NDArray[np.float32]
"""(d, N), N pixels in row-major order."""

MAX_DIMENSIONS = 16
MAX_CLASSES = 65536
HEAVIEST = 1e20
"""The largest weight of a kernel, and cost of two labels. With larger ones messages leave the range of
floats, and beliefs no longer add up to 1.
"""


class Kernel(Protocol):
    """A pairwise term for mean_field."""

    @property
    def weight(self) -> float: ...
    @property
    def normalization(self) -> Normalization: ...
    def features(self, shape: tuple[int, ...]) -> Features32: ...


@dataclass(frozen=True, eq=False)
class Gaussian:
    """The smoothness kernel exp(-|p_i - p_j|^2 / 2 theta_gamma^2) of positions p: near pixels agree.

    theta_gamma is in pixels, one for all axes or one per axis (row, column; volumes: plane, row, column).
    Raises ValueError for widths that are not positive, weights that are not finite.
    """

    theta_gamma: Width = 3.0
    weight: float = 3.0
    normalization: Normalization = "symmetric"

    def __post_init__(self) -> None:
        _check_common(self)
        _check_width("theta_gamma", self.theta_gamma)

    def features(self, shape: tuple[int, ...]) -> Features32:
        """(axes, N): positions, last axis first."""
        return _positions(shape, _per_axis("theta_gamma", self.theta_gamma, len(shape), "axes"))


@dataclass(frozen=True, eq=False)
class Bilateral:
    """The appearance kernel exp(-|p_i - p_j|^2 / 2 theta_alpha^2 - |I_i - I_j|^2 / 2 theta_beta^2): near
    pixels of similar colour agree.

    image is (*shape) or (*shape, channels) of any real type; channels may be colour, depth or a spectrum.
    theta_alpha is in pixels (as in Gaussian), theta_beta in the image's own units, one for all channels or
    one per channel. Raises ValueError for widths that are not positive and weights that are not finite. Once
    the size is known, it also raises it for images of another size, that are not finite, have too many
    channels, or whose values do not fit theta_beta (see ranges.py).
    """

    image: npt.ArrayLike
    theta_alpha: Width = 80.0
    theta_beta: Width = 13.0
    weight: float = 10.0
    normalization: Normalization = "symmetric"

    def __post_init__(self) -> None:
        _check_common(self)
        _check_width("theta_alpha", self.theta_alpha)
        _check_width("theta_beta", self.theta_beta)

    def features(self, shape: tuple[int, ...]) -> Features32:
        """(axes + channels, N): positions, last axis first, then channels."""
        image = np.asarray(self.image)
        if image.dtype.kind not in "biuf":
            raise ValueError(f"the image must hold real numbers, got an array of {image.dtype}")
        if image.ndim == len(shape):
            image = image[..., np.newaxis]
        if image.shape[:-1] != tuple(shape):
            hint = ""
            if sorted(image.shape[:-1]) == sorted(shape):
                hint = "; is one of them transposed?"
            elif len(shape) == 2 and image.ndim == 3 and image.shape[1] == shape[0]:
                hint = "; does the unary have its classes last? They come first, unary.transpose(2, 0, 1)"
            elif math.prod(image.shape[:-1]) == math.prod(shape):
                hint = f"; reshape the unary to (classes, {', '.join(map(str, image.shape[:-1]))})"
            raise ValueError(
                f"the image must be {_times(shape)} like the unary, with channels last if it has several, "
                f"got {_times(np.shape(self.image))}{hint}"
            )
        channels, axes = image.shape[-1], len(shape)
        if not 1 <= channels <= MAX_DIMENSIONS - axes:
            raise ValueError(
                f"1 to {MAX_DIMENSIONS - axes} channels are possible, got {channels}; reduce them, such as "
                "to their principal components"
            )
        widths = _per_axis("theta_beta", self.theta_beta, channels, "channels")
        features = np.empty((axes + channels, image[..., 0].size), np.float32)
        features[:axes] = _positions(shape, _per_axis("theta_alpha", self.theta_alpha, axes, "axes"))
        for channel, width in enumerate(widths):
            with np.errstate(over="ignore"):
                features[axes + channel] = image[..., channel].astype(np.float32, copy=False).ravel()
                features[axes + channel] /= width
        if image.dtype.kind == "f" and not np.isfinite(features[axes:]).all():
            raise ValueError("the image holds NaN, infinite or too large numbers; replace them first")
        check_range(image, widths)
        return features


@dataclass(frozen=True, eq=False)
class Features:
    """The kernel exp(-|T f_i - T f_j|^2 / 2) of any features f.

    array is (d, *shape) or (d, N), with d up to 16; transform, T, is None (the identity), (d,) (its
    diagonal) or (e, d). Raises ValueError for arrays of another size or not finite.
    """

    array: npt.ArrayLike
    weight: float = 1.0
    normalization: Normalization = "symmetric"
    transform: npt.ArrayLike | None = None

    def __post_init__(self) -> None:
        _check_common(self)

    def features(self, shape: tuple[int, ...]) -> Features32:
        """(d, N), transformed."""
        array = np.asarray(self.array)
        pixels = int(np.prod(shape))
        if array.dtype.kind not in "biuf":
            raise ValueError(f"features must be real numbers, got an array of {array.dtype}")
        if array.ndim < 2 or array.shape[1:] not in (tuple(shape), (pixels,)):
            raise ValueError(
                f"features must be (d, {', '.join(map(str, shape))}) like the unary, or (d, {pixels}), "
                f"got {array.shape}"
            )
        with np.errstate(over="ignore"):
            flat = array.reshape(array.shape[0], -1).astype(np.float32)
        if self.transform is not None:
            flat = _transformed(flat, np.asarray(self.transform, np.float32))
        if not 1 <= flat.shape[0] <= MAX_DIMENSIONS:
            raise ValueError(f"1 to {MAX_DIMENSIONS} features are possible, got {flat.shape[0]}")
        if not np.isfinite(flat).all():
            raise ValueError("the features hold NaN, infinite or too large numbers; replace them first")
        return np.ascontiguousarray(flat)


def unary_from_probabilities(probabilities: npt.ArrayLike, floor: float = 1e-5) -> npt.NDArray[np.float32]:
    """Energies -log max(p, floor) of (C, ...) probabilities.

    The floor keeps classes possible to which a net gives probability 0. Raises ValueError unless all are
    within [0, 1] and those of a pixel add up to 1 (to 1 %): scores need a softmax first.
    """
    p = np.asarray(probabilities)
    if p.ndim < 2 or p.dtype.kind != "f":
        raise ValueError(f"probabilities must be (C, ...) floats, got {p.shape} of {p.dtype}")
    if not (0 < floor < 1):
        raise ValueError(f"floor must be between 0 and 1, got {floor}")
    if p.size == 0:
        raise ValueError(f"there are no pixels or no classes in probabilities of shape {p.shape}")
    if not (p.min() >= -1e-6 and p.max() <= 1 + 1e-4):  # false for NaN, too
        raise ValueError(
            f"probabilities must be within [0, 1], but these reach from {p.min():.3g} to {p.max():.3g}; "
            "scores need a softmax first, and energies go to mean_field"
        )
    total = p.sum(axis=0, dtype=np.float32)
    if not np.allclose(total, 1.0, atol=1e-2):
        hint = "put the classes on axis 0; divide independent ones, of sigmoids, by their sum"
        if len(p) == 1:
            hint = "add the background to a map of the foreground, np.concatenate([1 - p, p])"
        raise ValueError(
            "the probabilities of a pixel must add up to 1 along axis 0, but here sums go from "
            f"{total.min():.3g} to {total.max():.3g}; {hint}"
        )
    energies: npt.NDArray[np.float32] = np.maximum(p, floor, dtype=np.float32)
    np.log(energies, out=energies)
    return np.negative(energies, out=energies)


def unary_from_labels(
    labels: npt.ArrayLike, classes: int, confidence: float = 0.7, void: int | None = VOID
) -> npt.NDArray[np.float32]:
    """Energies (classes, *labels.shape) of a label map that is right with probability `confidence`.

    The other classes share the rest equally; where the label is `void` all classes are equally likely. Raises
    ValueError for labels that are neither a class nor void, and unless 1/classes < confidence < 1.
    """
    ids = np.asarray(labels)
    ids = ids.astype(np.uint8) if ids.dtype == bool else ids
    if ids.dtype.kind not in "iu":
        raise ValueError(f"labels must be integers, got an array of {ids.dtype}")
    if not is_whole(classes) or not 1 <= classes <= MAX_CLASSES:
        raise ValueError(
            f"classes must be a whole number, at least 1 and at most {MAX_CLASSES}, got {classes!r}"
        )
    if not is_number(confidence) or (classes > 1 and not 1 / classes < confidence < 1):
        raise ArgumentError(
            "confidence",
            f"confidence must be above 1/classes (here {1 / classes:.3g}) and below 1, got {confidence}",
        )
    if void is not None and not is_whole(void):
        raise ValueError(f"void must be the label of unknown pixels, a whole number, or None, got {void!r}")
    unsure = np.zeros(ids.shape, bool) if void is None else ids == void
    strange = ~unsure & ((ids < 0) | (ids >= classes))
    if strange.any():
        raise ValueError(
            f"label {ids[strange].flat[0]} is neither a class, from 0 to {classes - 1}, nor void ({void}); "
            f"{int(strange.sum())} pixels have such labels"
        )
    if classes == 1:
        return np.zeros((1, *ids.shape), np.float32)
    energies = np.full((classes, *ids.shape), -np.log((1 - confidence) / (classes - 1)), np.float32)
    np.put_along_axis(
        energies,
        np.where(unsure, 0, ids)[np.newaxis].astype(np.intp),
        np.float32(-np.log(confidence)),
        axis=0,
    )
    energies[:, unsure] = np.log(classes)
    return energies


def _check_common(kernel: Kernel) -> None:
    if not is_number(kernel.weight) or not abs(kernel.weight) <= HEAVIEST:
        raise ValueError(f"weight must be a number from -{HEAVIEST:g} to {HEAVIEST:g}, got {kernel.weight!r}")
    if kernel.normalization not in get_args(Normalization):
        raise ValueError(
            f"normalization must be one of {', '.join(get_args(Normalization))}, got {kernel.normalization!r}"
        )


def _check_width(name: str, width: Width) -> None:
    several = isinstance(width, Sequence | np.ndarray) and np.ndim(width) > 0
    values: list[Any] = list(width) if several else [width]  # type: ignore[arg-type]
    for value in values:
        if not is_number(value) or not 0 < float(value) < np.inf:
            raise ValueError(f"{name} must be positive and finite, got {width!r}")


def _per_axis(name: str, width: Width, count: int, what: str) -> npt.NDArray[np.float32]:
    """(count,) widths; a single one is repeated. One below float's range becomes its smallest normal
    number."""
    values = np.atleast_1d(np.asarray(width, np.float64))
    if values.shape not in ((1,), (count,)):
        raise ValueError(f"{name} must be one number or {count}, one for each of the {what}, got {width!r}")
    limits = np.finfo(np.float32)
    return np.broadcast_to(np.clip(values, limits.tiny, limits.max), (count,)).astype(np.float32)


def _positions(shape: tuple[int, ...], widths: npt.NDArray[np.float32]) -> Features32:
    """(axes, N): position over width, last axis first. densecrf has this order, and the lattice depends on
    it."""
    positions = np.empty((len(shape), *shape), np.float32)
    for axis, (size, width) in enumerate(zip(shape, widths, strict=True)):
        with np.errstate(over="ignore"):
            along = np.arange(size, dtype=np.float32) / width
        positions[len(shape) - 1 - axis] = along.reshape(-1, *[1] * (len(shape) - 1 - axis))
    return positions.reshape(len(shape), -1)


def _transformed(features: Features32, transform: npt.NDArray[np.float32]) -> Features32:
    d = features.shape[0]
    if transform.shape == (d,):
        return features * transform[:, np.newaxis]
    if transform.ndim == 2 and transform.shape[1] == d:
        return np.asarray(transform @ features, np.float32)
    raise ValueError(f"transform must be ({d},) or (e, {d}) for {d} features, got {transform.shape}")


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
