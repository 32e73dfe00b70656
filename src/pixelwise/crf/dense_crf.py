"""Mean-field inference in a fully connected CRF, by filtering on permutohedral lattices.

Source: Krähenbühl and Koltun, "Efficient inference in fully connected CRFs with Gaussian edge potentials",
2011. For the energy of their equation 1, E(x) = sum_i unary(x_i) + sum_ij mu(x_i, x_j) sum_k weight_k k(f_i,
f_j), this computes Q, the product of independent distributions that is closest to exp(-E). The filters are
approximations; exact.py computes the same without them.
"""

import threading
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from pixelwise import _core
from pixelwise.core.threads import thread_count
from pixelwise.core.types import VOID
from pixelwise.crf.potentials import (
    HEAVIEST,
    MAX_CLASSES,
    Kernel,
    Normalization,
    unary_from_labels,
    unary_from_probabilities,
)
from pixelwise.crf.presets import DENSECRF, Preset
from pixelwise.crf.shapes import fits, shape_fault

Q = npt.NDArray[np.float32]
"""(C, *shape) probabilities; those of a pixel add up to 1."""

LatticeTooLarge = _core.LatticeTooLarge

MAX_PIXELS = 2**31 - 1
MAX_ITERATIONS = 1_000_000
"""Mean field converges within a few dozen iterations."""
_FLOOR = 1e-8
"""Of probabilities that are interpolated; float16 has no smaller one."""

_MOST_FOUND = 256
"""The most classes that `refine` takes from labels alone; more are rather the numbers of objects."""


def mean_field(
    unary: npt.ArrayLike,
    kernels: Sequence[Kernel],
    *,
    iterations: int = 10,
    compatibility: npt.ArrayLike | None = None,
    threads: int | None = None,
) -> Q:
    """Probabilities Q, with the unary's shape and memory layout, after `iterations` steps.

    unary: (C, H, W), (C, D, H, W) or (C, N) energies, that is negative log-probabilities up to a constant
    per pixel; any real type and strides. compatibility: None for the Potts model (different labels cost a
    kernel's weight); (C,), the weight's factor for each label; (C, C), the cost mu[l, l'] of labels l and l'
    in units of the weight; or (K, C, C), such costs for each of K kernels. threads: from 1 to 1024; None, or
    more than there are processors, uses all of them. It changes the result by rounding only.

    Raises ValueError with the reason for arguments that do not fit together or are not finite.
    """
    crf = DenseCRF(unary, kernels, compatibility=compatibility, threads=threads)
    crf.step(iterations)
    return crf.q


def refine(
    image: npt.ArrayLike,
    probabilities_or_labels: npt.ArrayLike,
    *,
    preset: Preset = DENSECRF,
    iterations: int | None = None,
    classes: int | None = None,
    confidence: float = 0.7,
    void: int | None = VOID,
    threads: int | None = None,
) -> Q:
    """Refine a segmentation along the edges of its image. Returns probabilities (C, H, W); argmax(0) gives
    the new labels.

    image: (H, W) or (H, W, channels) with values from 0 to 255. The second argument is either (C, H, W)
    probabilities (floats) or (H, W) labels (integers). A label is right with probability `confidence`; `void`
    makes all classes equally likely. `classes` (default: the largest label + 1) is only for labels.
    Probabilities of a smaller grid (C, h, w), as nets give them, are interpolated. Volumes, (D, H, W), work
    too. Raises ValueError for arguments that do not fit together, and for input that would
    silently have no effect: an image of 0 to 1 or of 16 bits, or labels with no ids but 0 and `void`.
    """
    picture, given = np.asarray(image), np.asarray(probabilities_or_labels)
    given = _fitted(given, picture)
    if given.dtype.kind in "iu":
        known = given[given != void] if void is not None else given
        if classes is None:
            if known.size == 0:
                raise ValueError("no pixel has a label, so the number of classes is unknown; pass classes=")
            classes = int(known.max()) + 1
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
    steps = preset.iterations if iterations is None else iterations
    return mean_field(unary, preset.kernels(picture), iterations=steps, threads=threads)


def _fitted(given: npt.NDArray[Any], picture: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Labels or probabilities at the size of the picture, interpolated if they are of a smaller grid; those
    of volumes unchanged.
    """
    size, floats = picture.shape[:2], given.dtype.kind == "f"
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


class DenseCRF:
    """A CRF that iterates step by step. It belongs to one set of kernels, and reuses its memory for other
    unaries.

    Arguments and errors are those of mean_field. Python threads may share an object; its calls wait for each
    other. most_vertices: raise LatticeTooLarge, a MemoryError, if the lattices of all kernels together have
    more vertices. A noisy picture has several per pixel.
    """

    def __init__(
        self,
        unary: npt.ArrayLike,
        kernels: Sequence[Kernel],
        *,
        compatibility: npt.ArrayLike | None = None,
        threads: int | None = None,
        most_vertices: int | None = None,
    ) -> None:
        energies = _energies(unary)
        self._shape = energies.shape
        self._calls = threading.RLock()
        self._field = _core.MeanField(
            _volume(energies).shape[1:],
            energies.shape[0],
            _terms(kernels, energies.shape, compatibility),
            thread_count(threads),
            most_vertices=most_vertices,
        )
        self._start(energies)

    def set_unary(self, unary: npt.ArrayLike) -> None:
        """Start again with other energies, of the same shape, for the same kernels."""
        energies = _energies(unary)
        if energies.shape != self._shape:
            raise ValueError(
                f"the unary must be {self._shape} as before, got {energies.shape}; make a new DenseCRF"
            )
        self._start(energies)

    def step(self, iterations: int = 1) -> None:
        """Run this many more iterations."""
        check_iterations(iterations)
        with self._calls:
            for _ in range(int(iterations)):
                self._field.step()
                self._iterations += 1

    @property
    def iterations(self) -> int:
        """The number of iterations since the unary was set."""
        return self._iterations

    @property
    def q(self) -> Q:
        """The current probabilities, with the unary's shape and memory layout."""
        with self._calls:
            out = np.empty_like(self._layout)
            self._field.beliefs(_volume(out))
        return out

    def labels(self) -> npt.NDArray[np.uint8] | npt.NDArray[np.int32]:
        """The most probable class of each pixel, (*shape); int32 if there are more than 255 classes."""
        out = np.empty(self._shape[1:], np.int32)
        self._field.labels(out.reshape(-1))
        return out.astype(np.uint8) if self._shape[0] <= VOID else out

    def kl_divergence(self) -> float:
        """The objective of the iterations: sum Q log Q + sum Q unary + the energy of all pairs, each counted
        twice.

        Up to a constant it is the Kullback-Leibler divergence between Q and the CRF, except for the factor of
        two, which is densecrf's.
        """
        return float(self._field.divergence())

    @property
    def vertices(self) -> tuple[int, ...]:
        """The size of each kernel's lattice. It determines the cost, together with the number of pixels."""
        return tuple(self._field.vertices)

    def _start(self, energies: npt.NDArray[np.float32]) -> None:
        check_single_label(energies)
        with self._calls:
            bad = self._field.set_unary(_volume(energies))
            self._layout = np.empty_like(energies, subok=False)
            self._iterations = 0
        if bad >= 0:
            label, pixel = divmod(bad, int(np.prod(self._shape[1:])))
            place = tuple(int(k) for k in np.unravel_index(pixel, self._shape[1:]))
            value = energies[(label, *place)]
            raise ValueError(
                f"the unary must be finite, but that of class {label} at {place} is {value}; energies are "
                "-log(probability), so keep probabilities above 0, for example np.maximum(p, 1e-5)"
            )


def _energies(unary: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """The unary as float32, in place if it is that already."""
    given = np.asarray(unary)
    if given.dtype.kind not in "iuf":
        raise ValueError(f"the unary must hold real numbers, got an array of {given.dtype}")
    if not 2 <= given.ndim <= 4:
        raise ValueError(
            "the unary must be (classes, height, width), (classes, depth, height, width) or "
            f"(classes, pixels), got {given.ndim} dimensions, {given.shape}"
        )
    if given.size == 0:
        raise ValueError(f"there are no pixels or no classes in a unary of shape {given.shape}")
    if given.shape[0] > MAX_CLASSES or given[0].size > MAX_PIXELS:
        raise ValueError(
            f"at most {MAX_CLASSES} classes and {MAX_PIXELS} pixels are possible, got {given.shape}; "
            "the classes come first"
        )
    with np.errstate(over="ignore"):
        energies = given.astype(np.float32, copy=False)
    # A result cannot have the strides of broadcast or oddly packed arrays.
    odd = any(stride % energies.itemsize for stride in energies.strides) or not energies.flags.aligned
    return energies.copy() if odd else energies


def check_iterations(iterations: object) -> None:
    """Raise ValueError unless it is a valid number of iterations."""
    whole = isinstance(iterations, int | np.integer) and not isinstance(iterations, bool)
    if not whole or not 0 <= int(iterations) <= MAX_ITERATIONS:  # type: ignore[call-overload]
        raise ValueError(
            f"iterations must be a whole number from 0 to {MAX_ITERATIONS:,}, got {iterations!r}"
        )


def check_single_label(energies: npt.NDArray[np.float32]) -> None:
    """Raise ValueError if there is one label and its energies differ: every pixel would have it anyway."""
    if len(energies) == 1 and energies.max() - energies.min() > 1e-3:  # more than rounding
        raise ValueError(
            "with one label every pixel has it, so energies that differ decide nothing; a map of the "
            "foreground needs the background as a second label: np.stack([1 - p, p])"
        )


def _volume(array: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A view as (C, D, H, W)."""
    return np.expand_dims(array, tuple(range(1, 5 - array.ndim)))


def _terms(
    kernels: Sequence[Kernel], shape: tuple[int, ...], compatibility: npt.ArrayLike | None
) -> list[tuple[npt.NDArray[np.float32], int, float, npt.NDArray[np.float32] | None]]:
    gains = _gains(compatibility, shape[0], len(kernels))
    terms = []
    for number, (kernel, gain) in enumerate(zip(kernels, gains, strict=True)):
        if not callable(getattr(kernel, "features", None)):
            raise ValueError(f"kernel {number} must be a Gaussian, Bilateral or Features, got {kernel!r}")
        matrix = gain
        if matrix is None and kernel.weight < 0:
            matrix = np.eye(shape[0], dtype=np.float32)
        terms.append(
            (
                np.require(kernel.features(shape[1:]), np.float32, ["C", "A"]),
                get_args(Normalization).index(kernel.normalization),
                max(float(kernel.weight), 0.0),
                None if matrix is None else _weighed(kernel.weight, matrix),
            )
        )
    return terms


def _weighed(weight: float, matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    product = float(weight) * matrix.astype(np.float64)
    if not np.abs(product).max() <= HEAVIEST:
        raise ValueError(f"weights times compatibility may reach {HEAVIEST:g}, got {np.abs(product).max():g}")
    return product.astype(np.float32)


def _gains(
    compatibility: npt.ArrayLike | None, classes: int, kernels: int
) -> Sequence[npt.NDArray[np.float32] | None]:
    """For each kernel (C, C): what the log-probability of l gains if similar pixels have l'; None for the
    identity, the Potts model."""
    if compatibility is None:
        return [None] * kernels
    given = np.asarray(compatibility)
    square = (classes, classes)
    if given.dtype.kind not in "iuf" or given.shape not in ((classes,), square, (kernels, *square)):
        raise ValueError(
            f"compatibility must be None, ({classes},), {square} or {(kernels, *square)} for {classes} "
            f"classes and {kernels} kernels, got {given.shape} of {given.dtype}"
        )
    if not np.isfinite(given).all():
        raise ValueError("compatibility holds NaN or infinite numbers")
    gain = np.ascontiguousarray(np.diag(given) if given.ndim == 1 else -given, np.float32)
    return list(gain) if gain.ndim == 3 else [gain] * kernels
