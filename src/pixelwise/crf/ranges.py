"""Check that an image's values and theta_beta, the width of a bilateral kernel, have the same units.

Most published widths are for grey levels from 0 to 255. With them the kernel sees no edges in an image of 0
to 1, or in one that was normalised for a net; in an image of 16 bits it sees edges everywhere. Both results
would be wrong without any error.
"""

import numpy as np
import numpy.typing as npt

_SMALL = 10.0
"""Images of 0 to 1, and normalised ones, have no larger values; nearly black grey levels have none either."""
_LARGE = 255.0
_FAR_APART = 300.0
"""Standard deviations. The distance of grey levels from 0 to 255 exceeds this only if theta_beta is below 1.
"""
_SAMPLE = 10_000
"""The approximate number of pixels that are examined."""


def check_range(image: npt.NDArray[np.generic], widths: npt.NDArray[np.float32]) -> None:
    """Raise ValueError if values and widths do not fit together.

    image: (*shape, channels), finite. widths: theta_beta, one for each channel. The check uses the range of
    the middle nine tenths of a channel's values, so that a few outliers change nothing.

    A kernel sees no edges if its theta_beta is at least 1 and at least as large as any value, where all
    values are small. An image of low contrast passes: only the size of its values counts. Grey levels
    always pass: images of uint8, and whole numbers beyond 0 and 1, however dark or flat they are.
    """
    if image.dtype == np.uint8 or image.size == 0:
        return
    pixels = image.reshape(-1, image.shape[-1])
    sample = pixels[:: max(1, len(pixels) // _SAMPLE)].astype(np.float64)
    low, high = np.percentile(sample, [5, 95], axis=0)
    flat = low == high  # a small object on a uniform background
    if flat.any():
        low = np.where(flat, pixels.min(axis=0), low).astype(np.float64)
        high = np.where(flat, pixels.max(axis=0), high).astype(np.float64)
    span, reach = high - low, np.maximum(abs(low), abs(high))
    varied = span > 0
    if not varied.any():
        return
    small = (reach <= _SMALL) & (widths >= np.maximum(reach, 1))
    if image.dtype.kind in "bf" and small[varied].all() and not _are_levels(sample):
        raise ValueError(
            f"{_values(low, high, varied)}, where a theta_beta of {widths[varied].min():g} sees no edges; "
            "pass the image with values from 0 to 255 (multiply an image of 0 to 1 by 255, undo what a "
            "net's normalisation did), or give theta_beta in the image's units"
        )
    far = varied & ~flat & (span > _FAR_APART * widths) & (reach > _LARGE)
    if far.any():
        raise ValueError(
            f"{_values(low, high, far)}, where a theta_beta of {widths[far].min():g} sees nothing but edges; "
            "pass the image with values from 0 to 255 (divide one of 16 bits by 257), or give theta_beta in "
            "the image's units"
        )


def _are_levels(sample: npt.NDArray[np.float64]) -> bool:
    """Whether the values are whole numbers from 0, beyond the 0 and 1 of a mask."""
    return bool(sample.min() >= 0 and sample.max() > 1 and (sample == np.rint(sample)).all())


def _values(low: npt.NDArray[np.float64], high: npt.NDArray[np.float64], of: npt.NDArray[np.bool_]) -> str:
    return f"the image's values reach from {low[of].min():.3g} to {high[of].max():.3g}"
