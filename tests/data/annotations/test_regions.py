"""Regions: exact along pixel edges, with holes, and what a table says about each."""

import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from pixelwise.core.errors import ImageError
from pixelwise.core.types import VOID, Labels
from pixelwise.data.annotations import ring_tracing
from pixelwise.data.annotations.regions import Region, regions_of
from pixelwise.data.formats.outlines import Outline, paint

LABELS = arrays.arrays(
    np.uint8, st.tuples(st.integers(1, 14), st.integers(1, 14)), elements=st.sampled_from([0, 1, 2, 7])
)


def filled(region: Region, size: tuple[int, int]) -> npt.NDArray[np.int64]:
    """(H, W) how often a pixel is inside the outer ring, less how often inside a hole."""
    drawn = [paint(size, [(1, [Outline(ring.astype(float))])])[0].astype(int) for ring in region.rings]
    inside: npt.NDArray[np.int64] = drawn[0] - np.sum(drawn[1:], axis=0, dtype=np.int64)
    return inside


@settings(deadline=None, max_examples=60)
@given(labels=LABELS)
def test_regions_are_the_connected_components_with_their_figures(labels: Labels) -> None:
    rng = np.random.default_rng(labels.size)
    confidence = rng.uniform(0.1, 1, labels.shape).astype(np.float32)
    found = regions_of(labels, confidence)
    components = {label: ndimage.label(labels == label) for label in np.unique(labels).tolist()}
    assert len(found) == sum(count for _, count in components.values())
    covered = np.zeros(labels.shape, int)
    for region in found:
        inside = filled(region, labels.shape)
        assert set(np.unique(inside)) <= {0, 1}
        numbers = np.unique(components[region.id][0][inside == 1])
        assert len(numbers) == 1
        assert (components[region.id][0] == numbers[0]).sum() == inside.sum() == region.area
        rows, columns = np.nonzero(inside)
        sides = [np.ptp(columns) + 1, np.ptp(rows) + 1]
        assert list(region.box) == [columns.min(), rows.min(), *sides]
        assert region.centroid == pytest.approx((columns.mean() + 0.5, rows.mean() + 0.5))
        assert region.confidence == pytest.approx(confidence[inside == 1].mean(), abs=1e-6)
        for ring in region.rings:
            assert len(np.unique(ring, axis=0)) == len(ring), "a ring passes no point twice"
        covered += inside
    assert (covered == 1).all()


def test_a_ring_that_would_touch_itself_is_an_outer_ring_and_a_hole() -> None:
    labels = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]], np.uint8)
    (region,) = regions_of(labels, skip=[0])
    assert region.area == 7
    assert region.outer.tolist() == [[0, 0], [3, 0], [3, 2], [2, 2], [2, 3], [0, 3]]
    (hole,) = region.holes
    assert np.roll(hole, -hole.tolist().index([1, 1]), axis=0).tolist() == [[1, 1], [1, 2], [2, 2], [2, 1]]


def test_void_has_no_regions_and_pixels_that_touch_diagonally_are_two() -> None:
    labels = np.array([[1, 0, VOID], [0, 1, VOID]], np.uint8)
    assert [region.id for region in regions_of(labels)] == [0, 0, 1, 1]


def test_the_confidence_of_a_smaller_map_is_that_of_the_same_place() -> None:
    labels = np.repeat(np.array([[1, 2]], np.uint8), 40, axis=1).repeat(8, axis=0)
    left, right = regions_of(labels, np.array([[0.25, 0.75]], np.float32))
    assert (left.confidence, right.confidence) == (0.25, 0.75)
    cleaned = np.array([[0.5, 0, 0, 0]], np.float32)  # 0: pixels that cleaning has changed
    left, right = regions_of(labels, cleaned)
    assert (left.confidence, right.confidence) == (0.5, 0)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10**6), tolerance=st.sampled_from([0.5, 1.0, 2.5]))
def test_a_simplified_border_moves_by_no_more_than_the_tolerance(seed: int, tolerance: float) -> None:
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).random((60, 80)), 4)
    labels = (smooth > np.median(smooth)).astype(np.uint8)
    fewer = 0
    for region in regions_of(labels, skip=[0]):
        simple = region.simplified(tolerance)
        exact, changed = filled(region, labels.shape), filled(simple, labels.shape)
        inside = np.pad(exact, 1).astype(bool)
        # From a pixel's centre the border is half a pixel nearer than the nearest pixel across it.
        depth = np.where(
            inside, ndimage.distance_transform_edt(inside), ndimage.distance_transform_edt(~inside)
        )
        assert (depth[1:-1, 1:-1][exact != changed] - 0.5 <= tolerance + 1e-9).all()
        fewer += len(region.outer) - len(simple.outer)
        assert (simple.area, simple.box, simple.centroid) == (region.area, region.box, region.centroid)
    assert fewer > 20
    with pytest.raises(ValueError, match="at least 0 pixels, got -1"):
        region.simplified(-1)


def test_a_small_region_keeps_its_ring_whatever_the_tolerance() -> None:
    labels = np.zeros((9, 9), np.uint8)
    labels[3:6, 3:6], labels[3, 3] = 1, 0
    (region,) = regions_of(labels, skip=[0])
    assert region.simplified(50).outer.tolist() == region.outer.tolist()


def test_ten_thousand_specks_are_ten_thousand_regions() -> None:
    labels = np.zeros((600, 600), np.uint8)
    labels[::6, ::6] = np.arange(10_000).reshape(100, 100) % 20 + 1
    found = regions_of(labels)
    assert len(found) == 10_001
    ground = next(region for region in found if region.id == 0)
    assert len(ground.holes) == 99 * 99  # the specks at the upper and left border touch it
    assert ground.area == 600 * 600 - 10_000


def test_labels_of_noise_are_refused_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.random.default_rng(0).integers(0, 9, (100, 100)).astype(np.uint8)
    with pytest.raises(ImageError, match=r"have 9\d{3} corners; 500 can be written\nhint: .*--min-region"):
        ring_tracing.Borders.of(labels, 500)


def test_tracing_holes_in_every_row_takes_the_memory_that_is_reserved() -> None:
    labels = np.zeros((1000, 1000), np.uint8)
    labels[5:-5, 5:-5] = 1
    rows = np.arange(10, 990)
    labels[rows, 10 + rows % 2 * 4] = 0
    tracemalloc.start()
    try:
        assert len(regions_of(labels)) == 982  # the holes, the region and what is around it
        assert tracemalloc.get_traced_memory()[1] < 12 * labels.size
    finally:
        tracemalloc.stop()
