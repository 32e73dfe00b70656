"""Pictures for models that take bands: files with all their channels at full depth, or arrays of them."""

from pathlib import Path

import numpy as np
from PIL import Image

from pixelwise.core.pictures.bands import BandForm, read_bands
from pixelwise.core.terminal import printable
from pixelwise.core.types import Channel


def bands_of(source: object, expected: BandForm) -> Channel:
    """(H, W, K): the bands of a file, of a Pillow image without a palette, or an array.

    Arrays of float32 may hold the numbers of any type, since scaled copies do. Raises ImageError for files
    that cannot be read, ValueError for other sources, for bands of another number or type than `expected`,
    and for NaN and infinite numbers.
    """
    if isinstance(source, str | Path):
        bands, what = read_bands(Path(source)), printable(source)
    elif isinstance(source, np.ndarray | Image.Image):
        bands, what = np.asarray(source), "the array"
        bands = bands[..., np.newaxis] if bands.ndim == 2 else bands
    else:
        raise ValueError(f"expected a file or an array (H, W, K) of bands, got {type(source).__name__}")
    try:
        found = BandForm.of(bands)
    except ValueError as fault:
        raise ValueError(f"{what}: {fault}; the model takes {expected}") from None
    scaled = not isinstance(source, str | Path) and found.numbers == "float32"
    if found.count != expected.count or (found.numbers != expected.numbers and not scaled):
        raise ValueError(
            f"{what} has {found}, but the model takes {expected}; segment pictures like those it learnt from"
        )
    expect_finite(bands, what)
    return bands


def expect_finite(channels: Channel, what: str) -> None:
    """Raise ValueError if some of the numbers are NaN or infinite."""
    if not np.isfinite(channels).all():
        raise ValueError(f"{what} holds NaN or infinite numbers; replace them, by 0 for example")


def resampled(channels: Channel, size: tuple[int, int]) -> Channel:
    """(H, W, K) of any type, resized to `size` channel by channel, as float32."""
    if channels.shape[:2] == size:
        return channels.astype(np.float32)
    height, width = size
    planes = [Image.fromarray(plane) for plane in np.moveaxis(channels.astype(np.float32), 2, 0)]
    fitted = [plane.resize((width, height), Image.Resampling.BILINEAR) for plane in planes]
    return np.stack([np.asarray(plane) for plane in fitted], axis=2)
