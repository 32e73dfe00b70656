"""The dense CRF by brute force: every pixel with every other one, O(N^2), in double precision.

It is the reference of the tests, and short enough to read as the definition of what dense_crf computes on a
lattice. Source: Krähenbühl and Koltun 2011, algorithm 1. As in their code, and unlike their equation 1, a
pixel is also its own neighbour.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pixelwise.crf.potentials import Features32, Kernel, Normalization

Array = npt.NDArray[np.float64]


def likeness(features: Features32, normalization: Normalization = "none") -> Array:
    """(N, N) matrix exp(-|f_i - f_j|^2 / 2) of (d, N) features, normalised."""
    f = features.astype(np.float64)
    squares = (f**2).sum(axis=0)
    k: Array = np.exp(-0.5 * np.maximum(squares[:, None] + squares[None, :] - 2 * f.T @ f, 0))
    total = k.sum(axis=1)
    if normalization == "before":
        k /= total[None, :]
    elif normalization == "after":
        k /= total[:, None]
    elif normalization == "symmetric":
        k /= np.sqrt(total[:, None] * total[None, :])
    return k


def softmax(logits: npt.NDArray[np.floating]) -> Array:
    """Softmax along axis 0."""
    powers = np.exp(logits - logits.max(axis=0), dtype=np.float64)
    return np.asarray(powers / powers.sum(axis=0))


def penalty(compatibility: npt.ArrayLike | None, classes: int) -> Array:
    """(C, C) mu: the cost if similar pixels have labels l and l'; or (K, C, C). None is the Potts model, 1 if
    they differ.

    A vector v rewards agreement on label l by v[l]; with ones this is the Potts model up to a constant.
    """
    if compatibility is None:
        return 1.0 - np.eye(classes)
    given = np.asarray(compatibility, np.float64)
    return -np.diag(given) if given.ndim == 1 else given


def mean_field(
    unary: npt.ArrayLike,
    kernels: Sequence[Kernel],
    *,
    iterations: int = 10,
    compatibility: npt.ArrayLike | None = None,
) -> Array:
    """Q (C, *shape) after `iterations` steps from softmax(-unary); arguments as in dense_crf.mean_field."""
    energies = np.asarray(unary, np.float64)
    classes, shape = energies.shape[0], energies.shape[1:]
    flat = energies.reshape(classes, -1)
    mus = np.broadcast_to(penalty(compatibility, classes), (len(kernels), classes, classes))
    matrices = [k.weight * likeness(k.features(shape), k.normalization) for k in kernels]
    q = softmax(-flat)
    for _ in range(iterations):
        costs = (mu @ (q @ k.T) for mu, k in zip(mus, matrices, strict=True))
        q = softmax(-flat - sum(costs, np.zeros_like(flat)))
    return q.reshape(energies.shape)
