"""HHA of rooms whose floor, walls and tilt are known."""

import numpy as np
import numpy.typing as npt
import pytest

from pixelwise.data.hha import NYUD_CAMERA, Camera, hha, measure

SIZE = 240, 320
CAMERA = Camera(260.0, 258.0, 161.5, 119.0)
CEILING = 2.5

Floats = npt.NDArray[np.float64]


class Room:
    """A box of 4 m depth and 4.2 m width, seen from a height, the camera pitched down and rolled by degrees.

    `depth` and `height` in metres, `angle` in degrees, `gravity` in camera axes, by ray casting.
    """

    def __init__(self, pitch: float, roll: float, camera_height: float = 1.4) -> None:
        p, r = np.radians([pitch, roll])
        pitched = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
        rolled = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
        to_room = pitched @ rolled
        rows, columns = np.indices(SIZE)
        rays = np.stack(
            [(columns - CAMERA.cx) / CAMERA.fx, (rows - CAMERA.cy) / CAMERA.fy, np.ones(SIZE)], axis=-1
        )
        seen = rays @ to_room.T
        planes = [  # normal and distance in the room's axes (right, down, forward), expected angle
            ((0, 1, 0), camera_height, 0),
            ((0, -1, 0), CEILING - camera_height, 180),
            ((0, 0, 1), 4.0, 90),
            ((1, 0, 0), 2.0, 90),
            ((-1, 0, 0), 2.2, 90),
        ]
        self.depth = np.full(SIZE, np.inf)
        self.angle = np.zeros(SIZE)
        for normal, distance, angle in planes:
            along = seen @ np.array(normal, float)
            reached = np.where(along > 0, distance / np.where(along > 0, along, 1), np.inf)
            self.angle[reached < self.depth] = angle
            self.depth = np.minimum(self.depth, reached)
        self.height = camera_height - seen[..., 1] * self.depth
        self.gravity = to_room.T @ [0.0, 1.0, 0.0]


TILTS = [(0, 0), (15, 5), (25, -8), (-4, 10), (35, 0)]


@pytest.mark.parametrize(("pitch", "roll"), TILTS)
def test_height_within_2_cm_and_angles_within_2_degrees(pitch: float, roll: float) -> None:
    room = Room(pitch, roll)
    found = measure(room.depth, CAMERA)
    assert np.abs(found.height - room.height).max() < 0.02
    assert np.degrees(np.arccos(min(1.0, float(found.gravity @ room.gravity)))) < 0.5
    wrong = np.abs(found.angle - room.angle) > 2
    assert wrong.mean() < 0.003, "only pixels on an edge, whose plane is either of two"


def test_a_depth_camera_as_noisy_as_a_kinect_still_finds_gravity_and_the_floor() -> None:
    """Noise of a Kinect: 1.2 mm + 1.9 mm times the square of (metres - 0.4) (Nguyen et al. 2012)."""
    room = Room(15, 5)
    noise = np.random.default_rng(0).normal(0, 0.0012 + 0.0019 * (room.depth - 0.4) ** 2)
    found = measure(room.depth + noise, CAMERA)
    assert np.degrees(np.arccos(min(1.0, float(found.gravity @ room.gravity)))) < 0.5
    assert found.floor == pytest.approx(1.4, abs=0.02)
    assert np.percentile(np.abs(found.height - room.height), 90) < 0.02
    assert np.median(np.abs(found.angle - room.angle)) < 8


def test_the_encoding_is_that_of_guptas_release() -> None:
    room = Room(15, 5)
    picture = hha(room.depth, CAMERA)
    assert picture.dtype == np.uint8
    assert picture.shape == (*SIZE, 3)
    row, column = 220, 160  # floor
    assert room.angle[row, column] == 0
    expected = [round(310 / room.depth[row, column]), 0, 38]
    assert picture[row, column].tolist() == pytest.approx(expected, abs=2)
    room = Room(-4, 10)
    ceiling = room.angle == 180
    assert np.median(hha(room.depth, CAMERA)[ceiling], axis=0).tolist()[1:] == [250, 218]


def test_unmeasured_pixels_are_0_and_do_not_disturb_the_others() -> None:
    room = Room(15, 5)
    holes = np.random.default_rng(0).random(SIZE) < 0.2
    holes[100:140, 50:200] = True
    depth = np.where(holes, 0, 1000 * room.depth).astype(np.uint16) / 1000  # whole millimetres, as in files
    found = measure(depth, CAMERA)
    assert np.isnan(found.height[holes]).all()
    assert np.nanmax(np.abs(found.height - room.height)) < 0.02
    assert hha(depth, CAMERA)[holes].max() == 0


def test_without_a_floor_in_sight_the_camera_is_taken_to_be_at_1_3_metres() -> None:
    wall = np.full(SIZE, 1.5)
    found = measure(wall, CAMERA)
    assert found.floor == 1.3
    assert found.angle == pytest.approx(np.full(SIZE, 90.0), abs=0.01)


@pytest.mark.parametrize(
    "depth", [np.zeros((3, 4)), np.zeros((1, 1)), np.full((2, 2), np.nan), np.ones((1, 7))]
)
def test_depth_that_shows_no_plane_gives_a_picture_all_the_same(depth: Floats) -> None:
    assert hha(depth, NYUD_CAMERA).shape == (*depth.shape, 3)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected depth as an array \(H, W\)"):
        hha(np.zeros((2, 2, 3)), CAMERA)
    with pytest.raises(ValueError, match="focal lengths above 0"):
        Camera(0, 1, 0, 0)
