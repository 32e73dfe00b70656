"""The pairwise terms of a mean field as the core takes them: features or lattices, weights, label costs."""

import atexit
import functools
from collections.abc import Sequence
from typing import get_args

import numpy as np
import numpy.typing as npt

from pixelwise import _core
from pixelwise.crf.potentials import HEAVIEST, Features32, Gaussian, Kernel, Normalization

Term = tuple[Features32 | _core.Lattice, int, float, npt.NDArray[np.float32] | None]

_LATTICES_KEPT = 8
_MOST_PIXELS_KEPT = 2**18
"""Of a lattice that is kept. One takes about 35 bytes a pixel."""


def core_terms(
    kernels: Sequence[Kernel], shape: tuple[int, ...], compatibility: npt.ArrayLike | None, threads: int
) -> list[Term]:
    """The terms of a field with a unary of this shape. Raises ValueError for kernels and a compatibility that
    do not fit it."""
    if callable(getattr(kernels, "features", None)):
        raise ValueError(f"kernels must be a list, got one kernel: [{kernels!r}]")
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
                _source(kernel, number, shape[1:], threads),
                get_args(Normalization).index(kernel.normalization),
                max(float(kernel.weight), 0.0),
                None if matrix is None else _weighed(kernel.weight, matrix),
            )
        )
    return terms


def _source(kernel: Kernel, number: int, shape: tuple[int, ...], threads: int) -> Features32 | _core.Lattice:
    if type(kernel) is not Gaussian or np.prod(shape) > _MOST_PIXELS_KEPT:
        return np.require(kernel.features(shape), np.float32, ["C", "A"])
    widths = np.broadcast_to(np.asarray(kernel.theta_gamma, np.float64), np.shape(kernel.theta_gamma) or (1,))
    try:
        return _lattice_of_positions(tuple(widths.tolist()), shape, threads)
    except ValueError as problem:
        raise ValueError(f"kernel {number}: {problem}") from None


@functools.lru_cache(_LATTICES_KEPT)
def _lattice_of_positions(widths: tuple[float, ...], shape: tuple[int, ...], threads: int) -> _core.Lattice:
    """Positions depend on nothing in a picture but its size, so pictures of a folder share their lattices."""
    features = Gaussian(widths if len(widths) > 1 else widths[0]).features(shape)
    depth, height, width = (1,) * (3 - len(shape)) + shape
    return _core.Lattice((depth, height, width), features, threads)


atexit.register(_lattice_of_positions.cache_clear)  # nanobind reports objects that outlive the interpreter


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
    given = given.astype(np.float64)  # integers may have no minus, or overflow
    gain = np.ascontiguousarray(np.diag(given) if given.ndim == 1 else -given, np.float32)
    return list(gain) if gain.ndim == 3 else [gain] * kernels
