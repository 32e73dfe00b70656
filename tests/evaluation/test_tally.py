"""Counts by image, and parts that merge into the whole."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pixelwise.core.types import Labels
from pixelwise.evaluation.metrics.confusion import Counts, confusion_matrix
from pixelwise.evaluation.tally import Tally, dense_counts


def maps(seed: int) -> tuple[Labels, Labels]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, (5, 6)).astype(np.uint8)
    truth[rng.random(truth.shape) < 0.2] = 255
    return truth, rng.integers(0, 4, truth.shape).astype(np.uint8)


def tally_of(*seeds: int) -> Tally:
    tally = Tally(5)
    for seed in seeds:
        tally.add(f"image {seed}", *maps(seed))
    return tally


def test_the_matrix_is_that_of_all_images_and_the_counts_are_those_of_each() -> None:
    tally = tally_of(3, 1)
    matrices = [confusion_matrix(*maps(seed), 5) for seed in (3, 1)]
    assert np.array_equal(tally.confusion, sum(matrices))
    assert list(tally.ids) == ["image 3", "image 1"]
    each = tally.per_image()
    assert np.array_equal(each.right, [Counts.of(matrix).right for matrix in matrices])
    assert np.array_equal(each.truth, [matrix.sum(axis=1) for matrix in matrices])
    assert np.array_equal(each.predicted, [matrix.sum(axis=0) for matrix in matrices])


def test_tallies_of_parts_sent_between_processes_merge_into_that_of_the_whole() -> None:
    merged = tally_of(0, 1)
    merged.merge(pickle.loads(pickle.dumps(tally_of(2))))
    whole = tally_of(0, 1, 2)
    assert np.array_equal(merged.confusion, whole.confusion)
    assert merged.to_list() == whole.to_list()


def test_an_image_is_counted_once() -> None:
    tally = tally_of(0, 1)
    with pytest.raises(ValueError, match='image "image 1" is counted twice'):
        tally.merge(tally_of(1))
    with pytest.raises(ValueError, match='image "image 0" is counted twice'):
        tally.add("image 0", *maps(0))


def test_other_classes_do_not_merge() -> None:
    with pytest.raises(ValueError, match="a tally of 3 classes into one of 5"):
        tally_of(0).merge(Tally(3))


def test_plain_data_holds_the_classes_of_an_image_and_gives_the_counts_back() -> None:
    tally = Tally(100)
    tally.add("a", np.array([[7, 7, 99, 255]], np.uint8), np.array([[7, 99, 99, 0]], np.uint8))
    (entry,) = tally.to_list()
    # Class 7: one pixel right of two, predicted once; 99: one right of one, predicted twice.
    assert entry == {"id": "a", "counts": [[7, 1, 2, 1], [99, 1, 1, 2]]}
    counts = dense_counts([entry["counts"]], 100)
    assert counts.truth[0, [7, 99]].tolist() == [2, 1]
    assert counts.truth.sum() == counts.predicted.sum() == 3


def test_an_image_without_a_known_pixel_counts_as_one_with_nothing_in_it() -> None:
    tally = Tally(2)
    tally.add("void", np.full((2, 2), 255, np.uint8), np.zeros((2, 2), np.uint8))
    assert tally.per_image().truth.tolist() == [[0, 0]]
    assert tally.to_list() == [{"id": "void", "counts": []}]


STREAM = """
import json, re
import numpy as np
from pixelwise.evaluation import bootstrap
from pixelwise.evaluation.tally import Tally

truth = np.random.default_rng(0).integers(0, 21, (375, 500)).astype(np.uint8)
tally = Tally(21)
for index in range(10_000):
    prediction = truth.copy()
    prediction[: index % 375] = index % 21
    tally.add(f"image {index}", truth, prediction)
low, high = bootstrap.interval(bootstrap.resampled(tally.per_image()).mean_iou())
text = json.dumps(tally.to_list())
kilobytes = int(re.search("VmHWM: *([0-9]+) kB", open("/proc/self/status").read().replace("\\t", " "))[1])
print(json.dumps([int(tally.confusion.sum()), low, high, len(text), kilobytes]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")
def test_ten_thousand_label_pairs_with_intervals_and_record_need_less_than_500_mb() -> None:
    done = subprocess.run([sys.executable, "-c", STREAM], capture_output=True, text=True, check=True)
    pixels, low, high, characters, kilobytes = json.loads(done.stdout)
    assert pixels == 10_000 * 375 * 500
    assert 0 < low < high < 1
    assert characters > 10_000 * 21 * 10  # every class in every image: as long as records get
    assert kilobytes * 1024 < 500e6
