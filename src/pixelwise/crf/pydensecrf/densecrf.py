"""The classes of pydensecrf.densecrf, on pixelwise's core. Names and argument order are pydensecrf's."""

import operator
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from pixelwise import _core
from pixelwise.core.threads import thread_count
from pixelwise.crf.dense_crf import MAX_ITERATIONS, MAX_PIXELS, check_single_label
from pixelwise.crf.potentials import HEAVIEST, MAX_CLASSES, Bilateral, Features, Features32, Gaussian
from pixelwise.crf.pydensecrf.names import renamed

Matrix = npt.NDArray[np.float32]
Compat = float | npt.ArrayLike

_IMPOSSIBLE = np.float32(1e30)
"""An energy larger than any message."""


class KernelType(IntEnum):
    """Which parameters of a kernel can be learned; inference does not depend on it."""

    CONST_KERNEL = 0
    DIAG_KERNEL = 1
    FULL_KERNEL = 2


class NormalizationType(IntEnum):
    """How a kernel is normalised; numbered as in the core."""

    NO_NORMALIZATION = 0
    NORMALIZE_BEFORE = 1
    NORMALIZE_AFTER = 2
    NORMALIZE_SYMMETRIC = 3


CONST_KERNEL = KernelType.CONST_KERNEL
DIAG_KERNEL = KernelType.DIAG_KERNEL
FULL_KERNEL = KernelType.FULL_KERNEL
NO_NORMALIZATION = NormalizationType.NO_NORMALIZATION
NORMALIZE_BEFORE = NormalizationType.NORMALIZE_BEFORE
NORMALIZE_AFTER = NormalizationType.NORMALIZE_AFTER
NORMALIZE_SYMMETRIC = NormalizationType.NORMALIZE_SYMMETRIC


class Unary:
    """Energies (labels, pixels). Any number of CRFs may use one object."""

    def __init__(self, energies: npt.ArrayLike) -> None:
        self.energies = _matrix("unary energies", energies).copy()


class ConstUnary(Unary):
    """Energies as given."""


class LogisticUnary(Unary):
    """Energies L f of weights L (labels, features) and features f (features, pixels)."""

    def __init__(self, L: npt.ArrayLike, f: npt.ArrayLike) -> None:  # noqa: N803
        weights, features = _matrix("logistic weights", L), _matrix("logistic features", f)
        if weights.shape[1] != features.shape[0]:
            raise ValueError(
                "L must be (labels, features) and f (features, pixels), "
                f"got {weights.shape} and {features.shape}"
            )
        super().__init__(weights @ features)


class DenseCRF:
    """A CRF over `nvar` pixels and `nlabels` labels. Raises ValueError unless both are positive.

    Threads may share an object: a call waits until the one before has its result. As in pydensecrf, further
    arguments are for subclasses and ignored.
    """

    def __init__(self, nvar: float, nlabels: float, *_: object, **__: object) -> None:
        self._set_size((1, 1, nvar), nlabels)

    def _set_size(self, shape: tuple[float, float, float], nlabels: float) -> None:
        depth, height, width, labels = (_whole(size) for size in (*shape, nlabels))
        if min(depth, height, width, labels) < 1:
            raise ValueError(
                f"sizes and number of labels must be whole and positive, got {shape} and {nlabels}"
            )
        if depth * height * width > MAX_PIXELS or labels > MAX_CLASSES:
            raise ValueError(
                f"at most {MAX_PIXELS} pixels and {MAX_CLASSES} labels are possible, "
                f"got {shape} and {nlabels}"
            )
        self._shape = (depth, height, width)
        self._labels = labels
        self._pixels = depth * height * width
        self._kernels: list[tuple[Features32, int, float, Matrix | None]] = []
        self._unary: Matrix | None = None
        self._field: _core.MeanField | None = None
        self._calls = threading.RLock()
        self._running = False

    def setUnaryEnergy(self, u: npt.ArrayLike, f: npt.ArrayLike | None = None) -> None:  # noqa: N802
        """Take energies (labels, pixels), or with f the weights of LogisticUnary.

        An energy of infinity, that is -log 0, makes a label impossible. Raises ValueError for NaN, -infinity,
        and pixels without a possible label.
        """
        self.setUnary(ConstUnary(u) if f is None else LogisticUnary(u, f))

    def setUnary(self, u: Unary) -> None:  # noqa: N802
        """Take the energies of a Unary object."""
        energies = u.energies
        if energies.shape == (self._labels, *self._shape[1:]):
            energies = energies.reshape(self._labels, -1)
        if energies.shape != (self._labels, self._pixels):
            raise ValueError(
                f"unary energies must be {(self._labels, self._pixels)}, labels and pixels, "
                f"got {energies.shape}"
            )
        if not np.isfinite(energies).all():
            if not (energies > -np.inf).all() or not np.isfinite(energies).any(axis=0).all():
                raise ValueError(
                    "unary energies must be neither NaN nor -infinity, and each pixel needs a finite one; "
                    "clip probabilities above 0 before the logarithm"
                )
            energies = np.minimum(energies, _IMPOSSIBLE)
        check_single_label(energies)
        with self._calls:
            self._unary = energies

    def addPairwiseEnergy(  # noqa: N802
        self,
        features: npt.ArrayLike,
        compat: Compat,
        kernel: KernelType = DIAG_KERNEL,
        normalization: NormalizationType = NORMALIZE_SYMMETRIC,
    ) -> None:
        """Add exp(-|f_i - f_j|^2 / 2) of features (d, pixels).

        compat: a number, the reward for equal labels; (labels,), what equal labels COST (sic: pydensecrf's
        sign); or (labels, labels), the cost of each pair, of which the symmetric part is used.
        """
        self._add(Features(features).features(self._shape[1:]), compat, kernel, normalization)

    def _add(self, features: Features32, compat: Compat, kernel: int, normalization: int) -> None:
        KernelType(kernel)
        weight, gain = _gain(compat, self._labels)
        term = (features, int(NormalizationType(normalization)), weight, gain)
        with self._calls:
            self._kernels.append(term)
            self._field = None

    def inference(self, niter: float) -> Matrix:
        """Probabilities (labels, pixels) after `niter` iterations, a whole number such as 5 or 5.0."""
        steps = _whole(niter)
        if not 0 <= steps <= MAX_ITERATIONS:
            raise ValueError(
                f"the number of iterations must be whole, from 0 to {MAX_ITERATIONS:,}, got {niter!r}"
            )
        with self._fresh_field() as field:
            for _ in range(steps):
                field.step()
            return self._beliefs(field)

    def startInference(self) -> tuple[Matrix, Matrix, Matrix]:  # noqa: N802
        """Probabilities of the unary alone, and two matrices for stepInference, which does not use them."""
        empty = np.empty((0, 0), np.float32)
        with self._fresh_field() as field:
            return self._beliefs(field), empty, empty.copy()

    def stepInference(self, Q: Matrix, tmp1: Matrix, tmp2: Matrix) -> None:  # noqa: N802, N803
        """Replace the probabilities Q (labels, pixels) by those of one more iteration."""
        before = self._volume(self._checked(Q))
        with self._fresh_field() as field:
            field.step_from(before)
            Q[...] = self._beliefs(field)

    def klDivergence(self, Q: Matrix) -> float:  # noqa: N802, N803
        """The divergence between Q and the CRF, up to a constant."""
        beliefs = self._volume(self._checked(Q))
        with self._fresh_field() as field:
            return field.divergence_of(beliefs)

    def _checked(self, q: npt.ArrayLike) -> Matrix:
        beliefs = _matrix("Q", q)
        if beliefs.shape != (self._labels, self._pixels):
            raise ValueError(f"Q must be {(self._labels, self._pixels)}, got {beliefs.shape}")
        if not np.isfinite(beliefs).all():
            raise ValueError("Q must be finite, but it holds NaN or infinite numbers")
        return beliefs

    @contextmanager
    def _fresh_field(self) -> Iterator[_core.MeanField]:
        """The core's object, reset to the unary; no other thread uses it while the block runs.

        Raises RuntimeError for a signal handler that interrupts the block: its thread has the lock already.
        """
        with self._calls:
            if self._running:
                raise RuntimeError(
                    "this CRF is in the middle of a call that a signal handler has interrupted; "
                    "the handler may not use it"
                )
            self._running = True
            try:
                yield self._reset_field()
            finally:
                self._running = False

    def _reset_field(self) -> _core.MeanField:
        field = self._field
        if field is None:
            field = _core.MeanField(
                self._shape, self._labels, self._kernels, thread_count(None), merge_labels=True
            )
            self._field = field
        unary = np.zeros((self._labels, self._pixels), np.float32) if self._unary is None else self._unary
        field.set_unary(self._volume(unary))
        return field

    def _volume(self, matrix: Matrix) -> Matrix:
        return matrix.reshape(self._labels, *self._shape)

    def _beliefs(self, field: _core.MeanField) -> Matrix:
        out = np.empty((self._labels, self._pixels), np.float32)
        field.beliefs(self._volume(out))
        return out


class DenseCRF2D(DenseCRF):
    """A CRF over an image: width first, then height, then the number of labels."""

    def __init__(self, w: float, h: float, nlabels: float, *_: object, **__: object) -> None:
        self._set_size((1, h, w), nlabels)

    def addPairwiseGaussian(  # noqa: N802
        self,
        sxy: float | Sequence[float],
        compat: Compat,
        kernel: KernelType = DIAG_KERNEL,
        normalization: NormalizationType = NORMALIZE_SYMMETRIC,
    ) -> None:
        """Add a kernel of positions with standard deviations sxy, one number or (x, y), in pixels."""
        with renamed(theta_gamma="sxy"):
            features = Gaussian(_row_column(sxy)).features(self._shape[1:])
        self._add(features, compat, kernel, normalization)

    def addPairwiseBilateral(  # noqa: N802
        self,
        sxy: float | Sequence[float],
        srgb: float | Sequence[float],
        rgbim: npt.ArrayLike,
        compat: Compat,
        kernel: KernelType = DIAG_KERNEL,
        normalization: NormalizationType = NORMALIZE_SYMMETRIC,
    ) -> None:
        """Add a kernel of positions and colours; the image is (height, width, channels)."""
        with renamed(theta_alpha="sxy", theta_beta="srgb"):
            features = Bilateral(rgbim, _row_column(sxy), srgb).features(self._shape[1:])
        self._add(features, compat, kernel, normalization)


def _whole(value: object) -> int:
    """A whole number such as 5, 5.0 or np.array(5) as an integer; -1 for anything else."""
    if isinstance(value, float | np.floating):
        return int(value) if value.is_integer() else -1
    try:
        return -1 if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return -1


def _row_column(sxy: float | Sequence[float]) -> float | tuple[float, float]:
    if isinstance(sxy, np.ndarray) and sxy.ndim == 0:
        return float(sxy)
    if isinstance(sxy, Sequence | np.ndarray):
        if len(sxy) != 2:
            raise ValueError(f"sxy must be one number or two, for x and y, got {sxy!r}")
        row, column = float(sxy[1]), float(sxy[0])
        if not (0 < row < np.inf and 0 < column < np.inf):
            raise ValueError(f"sxy must be positive and finite, got {sxy!r}")
        return row, column
    return sxy


def _matrix(name: str, values: npt.ArrayLike) -> Matrix:
    array = np.asarray(values)
    if array.dtype.kind not in "iuf" or array.ndim < 2:
        raise ValueError(f"{name} must be a matrix of real numbers, got {array.shape} of {array.dtype}")
    with np.errstate(over="ignore"):
        return np.require(array, np.float32, ["C", "A"])


def _gain(compat: Compat, labels: int) -> tuple[float, Matrix | None]:
    """The core's weight and label matrix."""
    given = np.asarray(compat)
    kinds = "iufb" if given.shape == () else "iuf"  # for pydensecrf, as for Python, True is the number 1
    numbers = given.dtype.kind in kinds
    given = given.astype(np.float64) if numbers else given  # integers may have no minus, or overflow
    if not numbers or not (abs(given) <= HEAVIEST).all():
        raise ValueError(
            f"compat must hold finite numbers from -{HEAVIEST:g} to {HEAVIEST:g}, got {compat!r}"
        )
    if given.shape == ():
        weight = float(given)
        return (weight, None) if weight >= 0 else (0.0, np.eye(labels, dtype=np.float32) * np.float32(weight))
    if given.shape == (labels,):
        return 0.0, np.diag(-given).astype(np.float32)
    if given.shape == (labels, labels):
        return 0.0, np.ascontiguousarray(-(given + given.T) / 2, np.float32)
    raise ValueError(
        f"compat must be a number, ({labels},) or ({labels}, {labels}) for {labels} labels, got {given.shape}"
    )
