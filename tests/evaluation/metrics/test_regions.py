"""Connected regions against flood filling, and the breakdown by their size."""

import numpy as np
import numpy.typing as npt
import pytest

from pixelwise.core.types import VOID, Labels
from pixelwise.evaluation.metrics.regions import SIZES, RegionSizes, regions


def flooded(labels: Labels) -> npt.NDArray[np.intp]:
    """Numbers of regions by flood filling from pixel to pixel, corners included: the definition."""
    numbers = np.full(labels.shape, -1)
    for start in np.ndindex(labels.shape):
        if numbers[start] >= 0:
            continue
        number, ahead = numbers.max() + 1, [start]
        while ahead:
            row, column = ahead.pop()
            inside = 0 <= row < labels.shape[0] and 0 <= column < labels.shape[1]
            if inside and numbers[row, column] < 0 and labels[row, column] == labels[start]:
                numbers[row, column] = number
                ahead += [(row + dy, column + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return numbers


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (12, 15)])
@pytest.mark.parametrize("ids", [2, 3, 6])
def test_regions_are_those_of_flood_filling(shape: tuple[int, int], ids: int) -> None:
    labels = np.random.default_rng(ids).integers(0, ids, shape).astype(np.uint8)
    assert np.array_equal(regions(labels), flooded(labels))


def test_a_winding_path_is_one_region() -> None:
    path = np.zeros((41, 30), np.uint8)
    path[::2] = 1  # rows, joined at the right end and the left end in turn
    path[1::4, -1] = path[3::4, 0] = 1
    numbers = regions(path)
    assert len(np.unique(numbers[path == 1])) == 1
    assert len(np.unique(numbers[path == 0])) == 20


def test_the_breakdown_by_hand() -> None:
    truth = np.zeros((200, 200), np.uint8)  # ground of 39,031 pixels: large
    truth[5:15, 5:15] = 1  # 100 pixels: tiny
    truth[50:70, 50:70] = 1  # 400 pixels: small
    truth[100:117, 100:117] = VOID  # 289
    truth[190:199, 190:199] = 1  # 81 pixels: tiny
    truth[150:160, 20:30] = truth[160:170, 30:40] = 2  # 200 pixels that meet at a corner: tiny
    prediction = np.zeros_like(truth)
    prediction[5:15, 5:10] = 1  # half of it
    prediction[50:70, 50:59] = 1  # 180 of 400
    sizes = RegionSizes(3)
    sizes.add(truth, prediction)
    tiny, small, medium, large = sizes.to_dict()["sizes"]
    assert (tiny["regions"], tiny["found"], tiny["pixels"], tiny["right"]) == (3, 1, 381, 50)
    assert (small["regions"], small["found"], small["pixels"], small["right"]) == (1, 0, 400, 180)
    assert medium["regions"] == 0
    ground = 200 * 200 - 100 - 400 - 289 - 81 - 200
    assert (large["regions"], large["found"], large["pixels"], large["right"]) == (1, 1, ground, ground)
    assert tiny["recall_per_class"] == [None, 50 / 181, 0 / 200]
    assert (small["from"], small["below"], large["below"]) == (256, 1024, None)


@pytest.mark.parametrize(
    ("side", "size"), [(15, "tiny"), (16, "small"), (31, "small"), (32, "medium"), (96, "large")]
)
def test_limits_belong_to_the_larger_size(side: int, size: str) -> None:
    sizes = RegionSizes(1)
    labels = np.zeros((side, side), np.uint8)
    sizes.add(labels, labels)
    assert sizes.regions[0].tolist() == [int(name == size) for name in SIZES]


def test_parts_merge_into_the_whole() -> None:
    rng = np.random.default_rng(0)
    pairs = [tuple(rng.integers(0, 3, (2, 8, 9)).astype(np.uint8)) for _ in range(3)]
    whole, first, second = RegionSizes(3), RegionSizes(3), RegionSizes(3)
    for (truth, prediction), part in zip(pairs, (first, second, second), strict=True):
        whole.add(truth, prediction)
        part.add(truth, prediction)
    first.merge(second)
    assert first.to_dict() == whole.to_dict()
