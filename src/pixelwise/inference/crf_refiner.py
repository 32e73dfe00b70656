"""The dense CRF as a predictor's last step: it refines probabilities along the edges of the picture.

Source: DeepLab v1, section 4.2: the net's scores, interpolated to the picture's size, become the unary
terms.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.core.errors import ImageError
from pixelwise.core.pictures.reading import Photo, Readable, fitting, read_photo
from pixelwise.core.terminal import printable
from pixelwise.core.threads import thread_count
from pixelwise.core.types import RGBImage, Scores
from pixelwise.crf import DenseCRF, LatticeTooLarge, Preset, unary_from_probabilities
from pixelwise.crf.presets import load_preset
from pixelwise.inference.probabilities import Beliefs, scores_of

MOST_BYTES = 800_000_000
"""A picture that would take more memory is refined on a reduced copy: see `refined_size`, and for noise
`most_vertices`.
"""

_FEWEST_VERTICES = 50_000
"""The lower bound of `most_vertices`."""

Number = TypeVar("Number", bound=np.generic)

DEFAULT_PRESET = "deeplab-coco"


class Refiner(Protocol):
    """The interface of a refiner. A predictor calls it with an (H, W, 3) image and (C, H, W) probabilities,
    from several threads at a time. The result may be on a smaller grid of the same shape."""

    @property
    def identity(self) -> str:
        """Differs between refiners that give different results."""

    def __call__(self, image: RGBImage, probabilities: Beliefs) -> Beliefs: ...


def expect_refiner(refiner: object) -> None:
    """Raise ValueError for what is not a refiner, such as the name of a preset."""
    if not callable(refiner) or not hasattr(refiner, "identity"):
        raise ValueError(f'expected a refiner, such as CRFRefiner("deeplab-coco"), got {refiner!r}')


class CRFRefiner:
    """Mean field in the fully connected CRF of a preset."""

    def __init__(
        self,
        preset: "Preset | str | Path" = DEFAULT_PRESET,
        threads: int | None = None,
        device: str = "cpu",
    ) -> None:
        """preset: also the name of one, or a file. threads: None takes all processors. device: "cuda:0" and
        so on compute in torch on that GPU.
        """
        self.preset = load_preset(preset)
        self._threads, self._device = thread_count(threads), device

    @property
    def identity(self) -> str:
        return "crf " + hashlib.sha256(self.preset.to_json().encode()).hexdigest()[:16]

    def __call__(self, image: RGBImage, probabilities: Beliefs) -> Beliefs:
        """Probabilities after the preset's iterations. Raises ValueError if sizes differ.

        A lattice takes more memory the more the colours of a picture differ. Where noise would take more
        than MOST_BYTES, a reduced copy is refined.
        """
        if self._device != "cpu":
            return self._on_device(image, probabilities)
        crf = self._crf(image, probabilities)
        crf.step(self.preset.iterations)
        return crf.q

    def _on_device(self, image: RGBImage, probabilities: Beliefs) -> Beliefs:
        from pixelwise.crf.torch_backend import refined_on

        size = image.shape[0], image.shape[1]
        preset = self.preset.for_size(size)
        unary = unary_from_probabilities(probabilities)
        try:
            return refined_on(self._device, unary, preset.kernels(image), preset.iterations)
        except LatticeTooLarge:
            smaller = fitting(size, int(max(size) / 2**0.5))
            return self._on_device(
                _resized(image, smaller), np.stack([_resized(plane, smaller) for plane in probabilities])
            )

    def after(self, image: RGBImage, probabilities: Beliefs, iterations: Sequence[int]) -> Iterator[Beliefs]:
        """Beliefs after each of these numbers of iterations, which increase; 0: as given. Else as when
        called.
        """
        crf = self._crf(image, probabilities)
        for count in iterations:
            crf.step(count - crf.iterations)
            yield crf.q

    def _crf(self, image: RGBImage, probabilities: Beliefs) -> DenseCRF:
        while True:
            size = image.shape[0], image.shape[1]
            preset = self.preset.for_size(size)
            try:
                return DenseCRF(
                    unary_from_probabilities(probabilities),
                    preset.kernels(image),
                    threads=self._threads,
                    most_vertices=most_vertices(size, len(probabilities)),
                )
            except LatticeTooLarge:
                smaller = fitting(size, int(max(size) / 2**0.5))
                image = _resized(image, smaller)
                probabilities = np.stack([_resized(plane, smaller) for plane in probabilities])


def refining_bytes(size: tuple[int, int], classes: int) -> int:
    """The approximate memory for refining a photo of `size`."""
    return size[0] * size[1] * (150 + 25 * classes)


def reserved_bytes(size: tuple[int, int], classes: int) -> int:
    """The largest memory for refining a picture of `size`, such as noise."""
    pixels = size[0] * size[1]
    vertices = min(6 * pixels, most_vertices(size, classes))
    return pixels * _pixel_bytes(classes) + vertices * _vertex_bytes(classes)


def most_vertices(size: tuple[int, int], classes: int) -> int:
    """The number of lattice vertices that keeps the memory within MOST_BYTES."""
    rest = MOST_BYTES - size[0] * size[1] * _pixel_bytes(classes)
    return max(_FEWEST_VERTICES, rest // _vertex_bytes(classes))


def _pixel_bytes(classes: int) -> int:
    """Bytes of features, weights, unaries and temporary arrays."""
    return 120 + 16 * classes


def _vertex_bytes(classes: int) -> int:
    """Bytes of a lattice vertex: keys, neighbours, and three rows of classes, padded to a multiple of 8."""
    return 100 + 12 * (-(-classes // 8) * 8)


def refined_size(size: tuple[int, int], classes: int) -> tuple[int, int]:
    """(height, width) of the copy to refine: the picture's own, or the largest within MOST_BYTES."""
    excess = refining_bytes(size, classes) / MOST_BYTES
    return size if excess <= 1 else fitting(size, max(1, int(max(size) / excess**0.5)))


def refined_photo(source: Readable, photo: Photo, classes: int) -> RGBImage:
    """The picture at its `refined_size`: `photo`, which was read from `source`, or read again.

    Raises ImageError if the file has another size now.
    """
    grid = refined_size(photo.size, classes)
    if photo.pixels.shape[:2] == grid:
        return photo.pixels
    closer = read_photo(source, max(grid))
    if closer.size != photo.size:
        raise ImageError(
            f"{printable(source)}: the file has changed while it was being segmented", "try again"
        )
    return closer.pixels


def refined(refiner: Refiner, image: RGBImage, probabilities: Beliefs) -> tuple[Scores, RGBImage]:
    """Scores whose softmax is the refiner's result, and the image on their grid."""
    scores = scores_of(refiner(image, probabilities))
    return scores, _resized(image, (scores.shape[1], scores.shape[2]))


def _resized(plane: npt.NDArray[Number], size: tuple[int, int]) -> npt.NDArray[Number]:
    """An image or one plane on a smaller grid: the mean of the pixels in each cell."""
    if plane.shape[:2] == size:
        return plane
    return np.array(Image.fromarray(plane).resize((size[1], size[0]), Image.Resampling.BOX))
