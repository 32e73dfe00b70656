"""Find equal and similar pictures, by digests of pixels and a perceptual hash.

The hash is pHash's: signs of the 64 lowest frequencies of a cosine transform of a 32 x 32 grey copy, against
their median (Zauner 2010). Pairs of close hashes count only if small colour copies agree as well, because the
hashes of flat pictures are unreliable.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.core.types import RGBImage

_CLOSE_BITS = 10  # of 64
_ALIKE = 0.95  # correlation of the colour copies
_SIDE = 16  # of the colour copies


@dataclass(frozen=True)
class Fingerprint:
    """`digest` of the pixels, perceptual `hash` of 64 bits, and `copy`, (16, 16, 3) colours."""

    digest: bytes
    hash: int
    copy: RGBImage


def fingerprint(image: RGBImage, small: Image.Image) -> Fingerprint:
    """The fingerprint of a picture (H, W, 3); `small` is a copy of about 100 pixels."""
    digest = hashlib.sha1(np.ascontiguousarray(image).data, usedforsecurity=False)
    digest.update(str(image.shape).encode())
    square = small.resize((32, 32), Image.Resampling.BILINEAR)
    grey = np.asarray(square.convert("L"), np.float64)
    frequencies = (_COSINES @ grey @ _COSINES.T).ravel()
    bits = frequencies > np.median(frequencies)
    copy = np.asarray(square.resize((_SIDE, _SIDE), Image.Resampling.BOX))
    return Fingerprint(digest.digest(), int.from_bytes(np.packbits(bits).tobytes()), copy)


def near_pairs(first: Sequence[Fingerprint], second: Sequence[Fingerprint]) -> list[tuple[int, int]]:
    """Places (i, j) of pictures that look nearly the same but are not equal pixel for pixel."""
    ours, theirs = (np.array([print_.hash for print_ in prints], np.uint64) for prints in (first, second))
    found = []
    for i, own in enumerate(ours):
        for j in np.flatnonzero(_bit_counts(theirs ^ own) <= _CLOSE_BITS):
            one, other = first[i], second[int(j)]
            if one.digest != other.digest and _likeness(one.copy, other.copy) >= _ALIKE:
                found.append((i, int(j)))
    return found


def _likeness(one: RGBImage, other: RGBImage) -> float:
    """Correlation of two pictures, independent of brightness and contrast; 0 for a single colour."""
    centred = [copy.astype(np.float64).ravel() - copy.mean() for copy in (one, other)]
    spread = float(np.linalg.norm(centred[0]) * np.linalg.norm(centred[1]))
    return float(centred[0] @ centred[1]) / spread if spread > 0 else 0.0


def _bit_counts(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    counts: npt.NDArray[np.int64] = _BITS[values.view(np.uint8)].reshape(-1, 8).sum(axis=1)
    return counts


_BITS = np.array([value.bit_count() for value in range(256)])
# The second to ninth lowest frequencies of both axes; the first of each is mostly the mean.
_COSINES = np.cos(np.pi * np.outer(np.arange(1, 9), 2 * np.arange(32) + 1) / 64)
