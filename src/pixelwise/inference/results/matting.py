"""Cutouts with soft edges: how opaque each pixel is, and its colour without the background.

A label map says which side of an edge a pixel is on. Hair, fur and blur cover a part of a pixel only, and the
colour of such a pixel is a mix of object and background. Opacity is the guided filter (He, Sun and Tang
2013) of the label map with the photo as its guide, computed on a small copy and applied to the photo itself
(He and Sun 2015). The object's own colour is estimated from the mean colours around the pixel (Forte 2021),
so that no rim of the old background shows on a new one.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.core.types import RGBImage

Plane = npt.NDArray[np.float32]  # (h, w)
Planes = npt.NDArray[np.float32]  # (h, w, K)

_SMALL_SIDE = 1024  # of the copy on which the coefficients are computed
_RADIUS = 1 / 50  # of the long side: how far from the labels' edge a pixel may be mixed
_SMOOTHNESS = 1e-3  # the guided filter's epsilon, for colours from 0 to 1
_SHARPNESS = 1.1  # opacities are spread by this factor about 1/2, so that both sides end in 0 and 1


def cutout(photo: RGBImage, solid: npt.NDArray[np.bool_]) -> Image.Image:
    """RGBA of `photo` (H, W, 3), opaque where `solid` (H, W), soft at its edges; cleared pixels are black."""
    size = solid.shape[0], solid.shape[1]
    factor = min(1.0, _SMALL_SIDE / max(size))
    small = max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
    radius = max(2, round(max(small) * _RADIUS))
    guide = reduced(photo, small) / np.float32(255)
    known = reduced(solid * np.uint8(255), small) / np.float32(255)
    mixed = np.nonzero(_near_edge(known, size, radius))

    def there(planes: list[Plane]) -> Plane:
        """(N, K) the planes' values, enlarged, at the pixels that may be mixed."""
        return np.stack([_enlarged(plane, size)[mixed] for plane in planes], axis=1)

    colours = photo[mixed] / np.float32(255)
    lines = there(_linear_models(guide, known, radius))
    share = (colours * lines[:, :3]).sum(axis=1, keepdims=True) + lines[:, 3:]
    share = np.round(255 * np.clip(0.5 + _SHARPNESS * (share - 0.5), 0, 1)) / np.float32(255)
    alpha = solid.astype(np.float32)
    alpha[mixed] = share[:, 0]

    opaque = reduced(alpha, small)
    own = there(surroundings(guide, opaque, radius))
    behind = there(surroundings(guide, 1 - opaque, radius))
    estimate = own + share * (colours - share * own - (1 - share) * behind)
    estimate = np.where(share == 1, colours, np.clip(estimate, 0, 1))
    picture = photo.copy()
    picture[mixed] = np.round(255 * estimate)
    picture[alpha == 0] = 0
    drawn = Image.fromarray(picture)
    drawn.putalpha(Image.fromarray(np.round(255 * alpha).astype(np.uint8)))
    return drawn


def _linear_models(guide: Planes, known: Plane, radius: int) -> list[Plane]:
    """The guided filter's coefficients: three slopes and an offset per pixel."""
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    products = np.stack([guide[..., i] * guide[..., j] for i, j in pairs], axis=2)
    moments = _box(
        np.concatenate([guide, known[..., None], products, guide * known[..., None]], axis=2), radius
    )
    mean, mean_known = moments[..., :3], moments[..., 3]
    a, b, c, d, e, f = (
        moments[..., 4 + k] - mean[..., i] * mean[..., j] + np.float32(_SMOOTHNESS * (i == j))
        for k, (i, j) in enumerate(pairs)
    )
    x, y, z = (moments[..., 10 + i] - mean[..., i] * mean_known for i in range(3))
    # The symmetric matrix [a b c; b d e; c e f] by its cofactors.
    ca, cb, cc = d * f - e * e, c * e - b * f, b * e - c * d
    cd, ce, cf = a * f - c * c, b * c - a * e, a * d - b * b
    scale = 1 / (a * ca + b * cb + c * cc)
    slopes = [
        scale * (ca * x + cb * y + cc * z),
        scale * (cb * x + cd * y + ce * z),
        scale * (cc * x + ce * y + cf * z),
    ]
    offset = mean_known - sum(slope * mean[..., i] for i, slope in enumerate(slopes))
    models = _box(np.stack([*slopes, offset], axis=2), radius)
    return [models[..., i] for i in range(4)]


def surroundings(guide: Planes, share: Plane, radius: int) -> list[Plane]:
    """The mean colour around each pixel, weighted by `share`; from a wider window where there is none."""
    near, far = (_box(np.dstack([guide * share[..., None], share]), width) for width in (radius, 6 * radius))
    sums = near + np.float32(1e-3) * far
    return [np.clip(sums[..., i] / (sums[..., 3] + np.float32(1e-6)), 0, 1) for i in range(3)]


def _near_edge(known: Plane, size: tuple[int, int], radius: int) -> npt.NDArray[np.bool_]:
    """Where object and background both lie within `radius` pixels of the copy."""
    share = _box(known[..., None], radius)[..., 0]
    return _enlarged(((share > 1e-4) & (share < 1 - 1e-4)).astype(np.float32), size) > 0


def _box(planes: Planes, radius: int) -> Planes:
    """Means of (H, W, K) over windows of 2 radius + 1, cut at the border."""
    result = planes
    for axis in (0, 1):
        length = planes.shape[axis]
        sums = np.concatenate(
            [np.zeros_like(result.take([0], axis), np.float64), result.cumsum(axis, np.float64)], axis
        )
        places = np.arange(length)
        low, high = np.maximum(places - radius, 0), np.minimum(places + radius + 1, length)
        shape = [1, 1, 1]
        shape[axis] = length
        result = ((sums.take(high, axis) - sums.take(low, axis)) / (high - low).reshape(shape)).astype(
            np.float32
        )
    return result


def reduced(values: npt.NDArray[np.generic], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """The means of boxes, (height, width), as float32."""
    if values.shape[:2] != size:
        values = np.asarray(Image.fromarray(values).resize((size[1], size[0]), Image.Resampling.BOX))
    return values.astype(np.float32)


def _enlarged(plane: Plane, size: tuple[int, int]) -> Plane:
    if plane.shape == size:
        return plane
    return np.asarray(Image.fromarray(plane).resize((size[1], size[0]), Image.Resampling.BILINEAR))
