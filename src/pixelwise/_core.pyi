from collections.abc import Sequence
from typing import Annotated, overload

import numpy
from numpy.typing import NDArray


def count_confusion(truth: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)], prediction: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)], ignore: int, matrix: Annotated[NDArray[numpy.int64], dict(shape=(None, None), order='C', device='cpu')]) -> int:
    """
    Add to matrix[t, p] the pixels of truth t predicted as p; return the index of the first id out of range, or the number of pixels.
    """

def chessboard_distance(mask: Annotated[NDArray[numpy.uint8], dict(shape=(None, None), order='C', device='cpu', writable=False)], limit: int, distance: Annotated[NDArray[numpy.uint8], dict(shape=(None, None), order='C', device='cpu')]) -> None:
    """
    Fill in the distance (H, W) to the nearest pixel of mask that is not 0, diagonal steps counting one, and limit + 1 beyond the limit.
    """

def count_contours(truth: Annotated[NDArray[numpy.uint8], dict(shape=(None, None), order='C', device='cpu', writable=False)], prediction: Annotated[NDArray[numpy.uint8], dict(shape=(None, None), order='C', device='cpu', writable=False)], radius: float, ignore: int, counts: Annotated[NDArray[numpy.int64], dict(shape=(None, None), order='C', device='cpu')]) -> None:
    """
    Add to counts (4, C) the pixels of predicted contours within `radius` pixels of a true one of their class, all of them, and both for true contours.
    """

def label_pixels(scores: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None), order='C', device='cpu', writable=False)], labels: Annotated[NDArray[numpy.uint8], dict(shape=(None, None), order='C', device='cpu')], pixels: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu')], confidence: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu')], threads: int = 1, stride: int = 1, size: tuple[int, int] | None = None) -> None:
    """
    Interpolate scores (C, h, w) to labels' size (H, W) and fill in the best class per pixel; add per class the pixel count and the sum of their probabilities. stride: scores that are first enlarged by it to size (height, width), as `enlarge` does it.
    """

def pixel_confidence(scores: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None), order='C', device='cpu', writable=False)], confidence: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')]) -> None:
    """
    Interpolate scores (C, h, w) to confidence's size (H, W) and fill in the probability of the best class.
    """

def pixel_probabilities(scores: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None), order='C', device='cpu', writable=False)], probabilities: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None), order='C', device='cpu')]) -> None:
    """
    Interpolate scores (C, h, w) to probabilities' size (C, H, W) and take the softmax over classes.
    """

def add_probabilities(scores: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None), order='C', device='cpu', writable=False)], of_rows: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)], of_columns: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)], top: int, left: int, total: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None), order='C', device='cpu')]) -> None:
    """
    Interpolate scores (C, h, w) to (rows, columns), take the softmax and add it, times the weights of rows and columns, to total (C, H, W) from `top` and `left` on.
    """

def enlarge(scores: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None), order='C', device='cpu', writable=False)], stride: int, out: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None), order='C', device='cpu')]) -> None:
    """
    Interpolate scores (C, h, w) to out (C, H, W), so that cell (i, j) lies at pixel (i, j) * stride.
    """

def all_finite(scores: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None), order='C', device='cpu', writable=False)]) -> bool:
    """Whether none of the scores (C, h, w) is NaN or infinite."""

def has_int8_products() -> bool:
    """
    Whether the processor adds up products of 8-bit integers in one instruction: AVX-512 VNNI, AVX-VNNI or ARM's dot product.
    """

def keep_largest_region(labels: Annotated[NDArray[numpy.uint8], dict(shape=(None, None), order='C', device='cpu')], background: int) -> None:
    """
    Give background to every region (4-connected pixels of one label) of another label but the largest.
    """

def fill_holes(labels: Annotated[NDArray[numpy.uint8], dict(shape=(None, None), order='C', device='cpu')], background: int) -> None:
    """
    Give regions of background inside one label, away from the border of the picture, that label.
    """

def remove_small_regions(labels: Annotated[NDArray[numpy.uint8], dict(shape=(None, None), order='C', device='cpu')], smallest: int, background: int | None) -> None:
    """
    Give regions of fewer than `smallest` pixels the label with which they share the longest border. The largest region that is not background stays if it has a tenth of `smallest`.
    """

class LatticeTooLarge(MemoryError):
    pass

class Lattice:
    """The permutohedral lattice of features, for any number of fields."""

    def __init__(self, shape: tuple[int, int, int], features: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], threads: int) -> None: ...

    @property
    def vertices(self) -> int: ...

class MeanField:
    """
    A dense CRF; the arrays it takes and fills are (classes, depth, height, width).
    """

    def __init__(self, shape: tuple[int, int, int], classes: int, kernels: Sequence[tuple[Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)] | Lattice, int, float, Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)] | None]], threads: int, instructions: str | None = None, most_vertices: int | None = None, merge_labels: bool = False) -> None:
        """
        kernels: (features (d, pixels) or their Lattice, normalization 0 none 1 before 2 after 3 symmetric, weight, label matrix or None). LatticeTooLarge if all lattices together have more than `most_vertices`. merge_labels: whether labels that are unlikely everywhere may take part as one.
        """

    def set_unary(self, unary: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), device='cpu', writable=False)]) -> int:
        """
        Take energies and start again; return the index class * pixels + pixel of one that is not finite, or -1.
        """

    def step(self, watch: bool = False) -> float:
        """
        One iteration. watch: return the largest change of a belief from the call before the last to the last one, or infinity if they did not watch.
        """

    def set_weight(self, term: int, weight: float) -> None:
        """Start again with another weight of a kernel."""

    def step_from(self, beliefs: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), device='cpu', writable=False)]) -> None:
        """One iteration from these beliefs."""

    @overload
    def beliefs(self, out: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), device='cpu')]) -> None:
        """Fill in Q."""

    @overload
    def beliefs(self, out: Annotated[NDArray[numpy.uint16], dict(shape=(None, None, None, None), device='cpu')]) -> None:
        """The same for float16, viewed as uint16."""

    def labels(self, out: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu')]) -> None:
        """Fill in the likeliest class of each pixel."""

    def divergence(self) -> float:
        """The mean-field objective of the present beliefs."""

    def divergence_of(self, beliefs: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), device='cpu', writable=False)]) -> float:
        """The mean-field objective of these beliefs."""

    def message(self, term: int, values: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), device='cpu', writable=False)], out: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), device='cpu')]) -> None:
        """Filter these values with one kernel and write the result."""

    @property
    def vertices(self) -> list[int]:
        """Lattice vertices of each kernel."""

    @property
    def labels_apart(self) -> int:
        """Labels that have messages of their own."""

    @property
    def seconds(self) -> dict[str, float]:
        """Time that the first thread has spent in iterations, by phase."""

    @property
    def threads(self) -> int:
        """Threads in use."""

def instruction_set() -> str:
    """The instruction set that is chosen on this processor."""

class Convolution:
    """
    A convolution of stride 1 with bias, and perhaps ReLU and 2 x 2 max pooling.
    """

    def __init__(self, weights: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu', writable=False)], bias: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)], padding: int, dilation: int, rectified: bool, pooled: bool, threads: int, instructions: str | None = None) -> None: ...

    def length(self, size: int) -> int:
        """Rows (or columns) of the result for this many of the image."""

    def run(self, images: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu', writable=False)], out: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu')], threads: int) -> None:
        """
        Fill out (N, length(H), length(W), outputs) from the images (N, H, W, inputs).
        """

def convolve(images: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu', writable=False)], weights: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu', writable=False)], bias: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)], padding: int, dilation: int, rectified: bool, out: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu')], threads: int, instructions: str | None = None) -> None:
    """
    Fill out (N, H', W', outputs) from images (N, H, W, inputs) with weights (outputs, inputs, k, k), and perhaps ReLU.
    """

def convolve_back(gradient: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu', writable=False)], weights: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu', writable=False)], padding: int, dilation: int, out: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu')], threads: int, instructions: str | None = None) -> None:
    """
    Fill out (N, H, W, inputs) with the gradient of a convolution's images from that of its results.
    """

def correlate(images: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu', writable=False)], gradient: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu', writable=False)], padding: int, dilation: int, out: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu')], threads: int, instructions: str | None = None) -> None:
    """
    Fill out (outputs, inputs, k, k) with the gradient of a convolution's weights from that of its results.
    """

def cross_entropy(scores: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], labels: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)], weights: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)], scale: float, gradient: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')] | None, threads: int, instructions: str | None = None) -> float:
    """
    The sum over pixels of the weighted cross-entropy of scores (pixels, classes), in nats; fill in the gradient of `scale` times it. Labels of 255 do not count.
    """

def correlate_depthwise(images: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu', writable=False)], gradient: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu', writable=False)], stride: int, padding: int, dilation: int, out: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None), order='C', device='cpu')], threads: int, instructions: str | None = None) -> None:
    """
    Fill out (channels, k, k) with the gradient of a depthwise convolution's weights from that of its results.
    """
