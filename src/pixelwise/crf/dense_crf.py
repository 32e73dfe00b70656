"""Mean-field inference in a fully connected CRF, by filtering on permutohedral lattices.

Source: Krähenbühl and Koltun, "Efficient inference in fully connected CRFs with Gaussian edge potentials",
2011. For the energy of their equation 1, E(x) = sum_i unary(x_i) + sum_ij mu(x_i, x_j) sum_k weight_k k(f_i,
f_j), this computes Q, the product of independent distributions that is closest to exp(-E). The filters are
approximations; exact.py computes the same without them.
"""

import threading
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from pixelwise import _core
from pixelwise.core.threads import thread_count
from pixelwise.core.types import VOID, is_number, is_whole
from pixelwise.crf.potentials import HEAVIEST, MAX_CLASSES, Kernel
from pixelwise.crf.terms import core_terms

Q = npt.NDArray[np.float32]
"""(C, *shape) probabilities; those of a pixel add up to 1."""

Out = TypeVar("Out", Q, npt.NDArray[np.float16])

LatticeTooLarge = _core.LatticeTooLarge

MAX_PIXELS = 2**31 - 1
MAX_ITERATIONS = 1_000_000
"""Mean field converges within a few dozen iterations."""


def mean_field(
    unary: npt.ArrayLike,
    kernels: Sequence[Kernel],
    *,
    iterations: int = 10,
    tolerance: float | None = None,
    compatibility: npt.ArrayLike | None = None,
    threads: int | None = None,
    merge_labels: bool = True,
    out: Q | None = None,
) -> Q:
    """Probabilities Q, with the unary's shape and memory layout, after `iterations` steps.

    unary: (C, H, W), (C, D, H, W) or (C, N) energies, that is negative log-probabilities up to a constant
    per pixel; any real type and strides. compatibility: None for the Potts model (different labels cost a
    kernel's weight); (C,), the weight's factor for each label; (C, C), the cost mu[l, l'] of labels l and l'
    in units of the weight; or (K, C, C), such costs for each of K kernels. threads: from 1 to 1024; None, or
    more than there are processors, uses all of them. It changes the result by rounding only. tolerance and
    merge_labels: see DenseCRF. out: a float32 array of the unary's shape for the result, which may be the
    unary itself. (For float16 see DenseCRF.beliefs.)

    Raises ValueError with the reason for arguments that do not fit together or are not finite.
    """
    crf = DenseCRF(unary, kernels, compatibility=compatibility, threads=threads, merge_labels=merge_labels)
    if out is not None:
        _check_out(out, np.shape(unary))
    crf.step(iterations, tolerance)
    return crf.q if out is None else crf.beliefs(out)


class DenseCRF:
    """A CRF that iterates step by step. It belongs to one set of kernels, and reuses its memory for other
    unaries.

    Arguments and errors are those of mean_field. Python threads may share an object; its calls wait for each
    other. A signal handler that uses the object in whose call it runs gets a RuntimeError. most_vertices:
    raise LatticeTooLarge, a MemoryError, if the lattices of all kernels together have more vertices. A noisy
    picture has several per pixel.

    merge_labels: whether labels that are unlikely everywhere are merged into one after two or three
    iterations, which is faster. This happens only if it saves 8 numbers for each pixel, so never
    with fewer than 9 labels; only in the Potts model; and only with kernels that are normalised "after" or
    "symmetric". Beliefs differ by less than 1e-4 on photos. If merged labels become likely later, all
    iterations are computed again with all labels. `labels_apart` tells how many are not merged.
    """

    def __init__(
        self,
        unary: npt.ArrayLike,
        kernels: Sequence[Kernel],
        *,
        compatibility: npt.ArrayLike | None = None,
        threads: int | None = None,
        most_vertices: int | None = None,
        merge_labels: bool = True,
    ) -> None:
        energies = _energies(unary)
        self._shape = energies.shape
        self._calls = threading.RLock()
        workers = thread_count(threads)
        self._field = _core.MeanField(
            _volume(energies).shape[1:],
            energies.shape[0],
            core_terms(kernels, energies.shape, compatibility, workers),
            workers,
            most_vertices=most_vertices,
            merge_labels=merge_labels,
        )
        self._compatibility, self._weights = compatibility, [float(kernel.weight) for kernel in kernels]
        self._start(energies)

    def set_unary(self, unary: npt.ArrayLike) -> None:
        """Start again with other energies, of the same shape, for the same kernels."""
        energies = _energies(unary)
        if energies.shape != self._shape:
            raise ValueError(
                f"the unary must be {self._shape} as before, got {energies.shape}; make a new DenseCRF"
            )
        self._start(energies)

    def set_weights(self, weights: Sequence[float]) -> None:
        """Start again from the unary with other weights of the kernels; their lattices stay.

        Raises ValueError for weights that are negative, or were, and for a CRF with a compatibility matrix.
        """
        given = np.asarray(weights, np.float64).reshape(-1).tolist()
        if len(given) != len(self._weights) or not all(0 <= weight <= HEAVIEST for weight in given):
            raise ValueError(
                f"expected {len(self._weights)} weights from 0 to {HEAVIEST:g}, one for each kernel, "
                f"got {given}"
            )
        if self._compatibility is not None or min(self._weights, default=0.0) < 0:
            raise ValueError(
                "weights can be changed only without compatibility, and if none was negative; make a new "
                "DenseCRF"
            )
        with self._calls:
            for number, weight in enumerate(given):
                self._field.set_weight(number, weight)
            self._weights, self._iterations = given, 0

    def step(self, iterations: int = 1, tolerance: float | None = None) -> None:
        """Run this many more iterations, or fewer if the beliefs no longer change.

        tolerance: the iterations end as soon as one has changed no belief by more than this. That is known
        one iteration later. `iterations` tells how many there were.
        """
        check_iterations(iterations)
        if tolerance is not None and not (is_number(tolerance) and 0 <= tolerance < 1):
            raise ValueError(
                f"tolerance must be None or a change of a probability, from 0 to 1, got {tolerance!r}"
            )
        with self._calls:
            for _ in range(int(iterations)):
                change = self._field.step(tolerance is not None)
                self._iterations += 1
                if tolerance is not None and change <= tolerance:
                    return

    @property
    def iterations(self) -> int:
        """The number of iterations since the unary or the weights were set."""
        return self._iterations

    @property
    def q(self) -> Q:
        """The current probabilities, with the unary's shape and memory layout."""
        return self.beliefs(np.empty_like(self._layout))

    def beliefs(self, out: Out) -> Out:
        """Write the current probabilities to a float32 or float16 array of the unary's shape, such as the
        unary itself, and return it. float16 takes half the memory and has 11 bits, so that a probability is
        off by up to 0.05 %, and those below 3e-8 become 0."""
        _check_out(out, self._shape)
        with self._calls:
            if out.dtype == np.float16:
                self._field.beliefs(_volume(out.view(np.uint16)))
            else:
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
    def weights(self) -> tuple[float, ...]:
        """The kernels' weights."""
        return tuple(self._weights)

    @property
    def vertices(self) -> tuple[int, ...]:
        """The size of each kernel's lattice. It determines the cost, together with the number of pixels."""
        return tuple(self._field.vertices)

    @property
    def labels_apart(self) -> int:
        """How many labels the iterations distinguish at present; the others are merged."""
        return self._field.labels_apart

    @property
    def seconds(self) -> dict[str, float]:
        """What the first thread has spent in iterations so far, by phase; for benchmarks."""
        return self._field.seconds

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
    return energies.copy() if _is_odd(energies) else energies


def _is_odd(array: npt.NDArray[Any]) -> bool:
    """Whether its numbers are not at whole places, as in a field of packed records."""
    return any(stride % array.itemsize for stride in array.strides) or not array.flags.aligned


def _check_out(out: object, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless `out` can take beliefs of this shape."""
    if not isinstance(out, np.ndarray) or out.dtype not in (np.float32, np.float16) or out.shape != shape:
        got = f"{out.shape} of {out.dtype}" if isinstance(out, np.ndarray) else type(out).__name__
        raise ValueError(f"out must be a float32 or float16 array of shape {shape}, got {got}")
    if not out.flags.writeable:
        raise ValueError("out is read-only; pass a copy")
    if _is_odd(out):
        raise ValueError("out is part of packed records; pass an array of its own")


def check_iterations(iterations: object) -> None:
    """Raise ValueError unless it is a valid number of iterations."""
    if not is_whole(iterations) or not 0 <= int(iterations) <= MAX_ITERATIONS:
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


def _volume(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A view as (C, D, H, W)."""
    return np.expand_dims(array, tuple(range(1, 5 - array.ndim)))
