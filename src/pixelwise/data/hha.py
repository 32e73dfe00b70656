"""HHA: horizontal disparity, height above ground, angle with gravity, from a depth picture and its camera.

Source: Gupta, Arbelaez and Malik 2013 (gravity, section 4.1), Gupta et al. 2014 (HHA, section 3.1), with the
encoding of their release. Departures: planes are fitted to the inverse depth in the best-fitting of nine
windows around a pixel, instead of in superpixels; the floor is the median of horizontal surfaces near the
lowest points, instead of the single lowest point.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import DataError
from pixelwise.core.types import Channel
from pixelwise.data.sample_files import read_numbers
from pixelwise.data.window_sums import box_sum

Floats = npt.NDArray[np.float64]

_RADIUS, _WIDE_RADIUS = 5, 10  # half windows of the normals, for the angle and for finding gravity
_ROUNDS = ((45.0, 5), (15.0, 5))  # largest deviation of a normal in degrees, and the number of rounds with it
_FLOOR_BELOW, _CAMERA_HEIGHT = 0.9, 1.3  # metres
_NEAREST, _FARTHEST = 1e-6, 1e6  # metres; values outside are not measurements
_MOST_PIXELS = 1_000_000  # of a camera's numbers
_LEAST_DEPTH = 1.0  # metres, for the disparity


@dataclass(frozen=True)
class Camera:
    """Focal lengths and principal point in pixels; pixel centres have whole coordinates."""

    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self) -> None:
        numbers = np.abs([self.fx, self.fy, self.cx, self.cy])
        if not (self.fx > 0 and self.fy > 0 and (numbers < _MOST_PIXELS).all()):
            raise ValueError(
                f"a camera needs focal lengths above 0 and numbers below {_MOST_PIXELS:,} pixels, got {self}"
            )

    @classmethod
    def parse(cls, text: str) -> "Camera":
        """The camera "nyud", or FX,FY,CX,CY. Raises ValueError for other texts."""
        if text == "nyud":
            return NYUD_CAMERA
        try:
            fx, fy, cx, cy = (float(part) for part in text.split(","))
        except ValueError:
            raise ValueError(f'expected nyud or four numbers FX,FY,CX,CY in pixels, got "{text}"') from None
        return cls(fx, fy, cx, cy)


NYUD_CAMERA = Camera(518.85790117450188, 519.46961112127485, 325.58244941119034, 253.73616633400465)
"""The colour camera of NYU Depth v2 (Silberman's toolbox)."""


@dataclass(frozen=True)
class Geometry:
    """Height and angle of every pixel. NaN where depth is unknown.

    height: (H, W) metres above the floor. angle: (H, W) degrees between gravity and the surface's normal that
    points away from the camera: 0 floor, 90 wall, 180 ceiling. gravity: (3,) unit vector in camera axes
    (right, down, forward). floor: metres from the camera down to the floor.
    """

    height: Floats
    angle: Floats
    gravity: Floats
    floor: float


def read_metres(path: Path, per_metre: float | None = None) -> Floats:
    """(H, W) metres of a depth file, 0 where it was not measured.

    `per_metre`: units of the file per metre; by default 1000 (millimetres) for integers and 1 for floating
    point. Raises DataError if the file cannot be read or has several channels.
    """
    values = read_numbers(path, "depth picture")
    if values.ndim != 2:
        raise DataError(
            f"{path} has the shape {values.shape}, but depth has one number per pixel",
            "is it a colour picture? Depth is a PNG of 16 bits, a TIFF or a .npy array (H, W)",
        )
    if values.dtype == np.uint8 and per_metre is None:
        raise DataError(
            f"{path} has 8 bits, which reach 255 millimetres only", "give its units per metre: --per-metre"
        )
    default = 1000.0 if values.dtype.kind in "ui" else 1.0
    metres: Floats = values.astype(np.float64) / (default if per_metre is None else per_metre)
    return metres


def hha(depth: npt.NDArray[np.generic], camera: Camera) -> Channel:
    """(H, W, 3) uint8 of a depth picture (H, W) in metres, 0 or NaN where it was not measured.

    310 / depth with depths below 1 m taken as 1 m; centimetres above the floor; the angle + 38 degrees; all
    cut at 0 and 255, and 0 where depth is unknown. Raises ValueError for arrays of another shape.
    """
    known = _known(depth)
    geometry = measure(depth, camera)
    disparity = 310 / np.maximum(_LEAST_DEPTH, np.where(known, depth, 1))
    stacked = np.stack([disparity, 100 * geometry.height, geometry.angle + 38], axis=-1)
    stacked[~known] = 0
    return np.rint(np.nan_to_num(stacked)).clip(0, 255).astype(np.uint8)


def measure(depth: npt.NDArray[np.generic], camera: Camera) -> Geometry:
    """Height and angle of every pixel of a depth picture (H, W) in metres, 0 or NaN where it was not
    measured.

    If no surface lies at least 0.9 m below the camera, the floor is assumed 1.3 m below it, as in Gupta's
    release. Where no plane can be fitted, the angle is that of a wall.
    """
    known = _known(depth)
    metres = np.where(known, depth, np.nan).astype(np.float64)
    rows, columns = np.indices(metres.shape)
    rays = np.stack([(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy], axis=-1)
    gravity = find_gravity(normals(metres, rays, camera, _WIDE_RADIUS))

    down = metres * (rays @ gravity[:2] + gravity[2])  # metres below the camera
    cosines = normals(metres, rays, camera, _RADIUS) @ gravity
    floor = _floor(down, cosines)
    angle = np.degrees(np.arccos(np.nan_to_num(cosines, nan=0.0).clip(-1, 1)))
    return Geometry(floor - down, np.where(known, angle, np.nan), gravity, floor)


def normals(metres: Floats, rays: Floats, camera: Camera, radius: int) -> Floats:
    """(H, W, 3) unit normals that point away from the camera, NaN where there is no plane.

    On a plane 1 / depth is linear in the ray (x / z, y / z); its coefficients are the normal. Each pixel lies
    at the centre, an edge or a corner of nine windows of 2 * radius + 1 pixels. The window whose plane fits
    best gives the normal, so that normals do not blur across edges.
    """
    weight = np.isfinite(metres).astype(np.float64)
    inverse = np.where(weight > 0, 1 / np.where(weight > 0, metres, 1), 0)
    x, y = rays[..., 0], rays[..., 1]
    terms = [weight, x, y, inverse, x * x, x * y, y * y, x * inverse, y * inverse, inverse * inverse]
    n, sx, sy, sd, sxx, sxy, syy, sxd, syd, sdd = (box_sum(term * weight, radius) for term in terms)
    with np.errstate(divide="ignore", invalid="ignore"):
        mx, my, md = sx / n, sy / n, sd / n
        vxx, vxy, vyy = sxx / n - mx * mx, sxy / n - mx * my, syy / n - my * my
        vxd, vyd, vdd = sxd / n - mx * md, syd / n - my * md, sdd / n - md * md
        determinant = vxx * vyy - vxy * vxy
        a, b = (vyy * vxd - vxy * vyd) / determinant, (vxx * vyd - vxy * vxd) / determinant
        planes = np.stack([a, b, md - a * mx - b * my], axis=-1)
        misfit = np.maximum(0, vdd - a * vxd - b * vyd) / (md * md)
    # A window that is nearly a line has no plane; the least spread is a pixel's.
    degenerate = (n < 3) | ~(determinant > 0.05 / (camera.fx * camera.fy) ** 2)
    misfit[degenerate] = np.inf
    best, chosen = misfit.copy(), planes.copy()
    for down, right in [(i, j) for i in (-radius, 0, radius) for j in (-radius, 0, radius) if i or j]:
        other, other_planes = _shifted(misfit, down, right, np.inf), _shifted(planes, down, right, np.nan)
        better = other < 0.5 * best - 1e-12
        best[better], chosen[better] = other[better], other_planes[better]
    chosen[~np.isfinite(best) | (weight == 0)] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        units: Floats = chosen / np.linalg.norm(chosen, axis=-1, keepdims=True)
    return units


def find_gravity(directions: Floats) -> Floats:
    """The unit vector to which most normals are either parallel or at right angles, near the picture's down.

    Starting at (0, 1, 0), normals near parallel and near right angles to the estimate are found, and the
    direction that minimises the sum of squared sines to the first and squared cosines to the second is the
    next estimate. Source: Gupta et al. 2013, section 4.1.
    """
    units = directions.reshape(-1, 3)
    units = units[np.isfinite(units).all(axis=1)]
    gravity = np.array([0.0, 1.0, 0.0])
    for degrees, times in _ROUNDS:
        near, across = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        for _ in range(times):
            cosines = np.abs(units @ gravity)
            level, upright = units[cosines > near], units[cosines < across]
            if len(level) + len(upright) < 3:
                return gravity
            # The last estimate counts as 1% of the normals: one wall alone does not determine gravity.
            last = 0.01 * (len(level) + len(upright)) * np.outer(gravity, gravity)
            _, vectors = np.linalg.eigh(upright.T @ upright - level.T @ level - last)
            gravity = vectors[:, 0] * np.sign(vectors[1, 0] or 1.0)
    return gravity


def _floor(down: Floats, cosines: Floats) -> float:
    """Metres from the camera down to the floor."""
    if not np.isfinite(down).any():
        return _CAMERA_HEIGHT
    lowest = float(np.nanpercentile(down, 99))
    if lowest < _FLOOR_BELOW:
        return _CAMERA_HEIGHT
    with np.errstate(invalid="ignore"):
        level = (cosines > np.cos(np.radians(15))) & (np.abs(down - lowest) < 0.1)
    return float(np.median(down[level])) if level.sum() > 50 else lowest


def _known(depth: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    if depth.ndim != 2 or depth.dtype.kind not in "uif" or min(depth.shape) < 1:
        raise ValueError(f"expected depth as an array (H, W) of metres, got {depth.dtype} of {depth.shape}")
    metres = depth.astype(np.float64)
    return (metres > _NEAREST) & (metres < _FARTHEST)


def _shifted(values: Floats, down: int, right: int, outside: float) -> Floats:
    """At (i, j) the value of (i + down, j + right)."""
    moved = np.full_like(values, outside)
    height, width = values.shape[:2]
    rows = slice(max(0, -down), min(height, height - down))
    columns = slice(max(0, -right), min(width, width - right))
    source_rows = slice(max(0, down), min(height, height + down))
    source_columns = slice(max(0, right), min(width, width + right))
    if rows.start < rows.stop and columns.start < columns.stop:
        moved[rows, columns] = values[source_rows, source_columns]
    return moved
