"""Scores computed once, trials recorded at once, keyed by whatever changes them."""

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.core.errors import DataError, ModelError
from pixelwise.crf.parameter_search import Point
from pixelwise.data import open_dataset
from pixelwise.evaluation.crf_scores import ScoredImages, at_random, evenly
from pixelwise.evaluation.evaluation import evaluate
from pixelwise.evaluation.metrics.confusion import mean_iou
from pixelwise.inference.crf_refiner import CRFRefiner
from pixelwise.inference.engines.engine import CoarseEngine
from pixelwise.inference.predictor import Predictor

POINT = Point(5, 20, 10)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four noisy pictures, larger than the tiny model scores: red on the left, black on the right."""
    random = np.random.default_rng(0)
    root = tmp_path / "data"
    for kind in ("images", "labels"):
        (root / kind).mkdir(parents=True)
    (root / "classes.txt").write_text("background\nred\n")
    for index in range(4):
        labels = np.zeros((30, 90), np.uint8)
        labels[:, : 30 + 9 * index] = 1
        image = random.integers(0, 110, (30, 90, 3))
        image[..., 0] += 70 * labels
        Image.fromarray(image.astype(np.uint8)).save(root / f"images/{index}.png")
        Image.fromarray(labels).save(root / f"labels/{index}.png")
    return root


def scored(data: Path, predictor: Predictor, classes: str | None = None) -> ScoredImages:
    dataset = open_dataset(f"folder:{data}", "all", classes)
    return ScoredImages(predictor, dataset, data.parent / "work")


def test_the_figures_are_those_of_evaluate(data: Path, predictor: Predictor) -> None:
    images = scored(data, predictor)
    images.compute()
    dataset = open_dataset(f"folder:{data}", "all")
    refiner = CRFRefiner(POINT.preset("x", "y"), 1)
    refining = Predictor(predictor.engine, predictor.info, refiner=refiner)
    plain, refined = evaluate(predictor, dataset).confusion, evaluate(refining, dataset).confusion
    assert images.confusion(None).sum() == 4 * 30 * 90
    assert abs(images.confusion(None) - plain).sum() <= 8  # scores are kept as float16
    assert images.mean_iou(POINT) == pytest.approx(mean_iou(refined), abs=1e-3)
    assert mean_iou(refined) > mean_iou(plain) + 0.05


def test_a_net_that_sees_more_than_the_photo_is_refused(data: Path, predictor: Predictor) -> None:
    of_channels = Predictor(predictor.engine, predictor.info, inputs=("hha",))
    with pytest.raises(ModelError, match=r'model "tiny" takes hha, .*\n.*pixelwise eval'):
        scored(data, of_channels)


def test_scores_are_computed_once(data: Path, predictor: Predictor) -> None:
    told: list[int] = []
    images = scored(data, predictor)
    images.compute(told.append)
    assert told == [1, 2, 3, 4]
    files = sorted((images.folder / "scores").iterdir())
    assert len(files) == 4
    files[2].unlink()
    before = [path.stat().st_mtime_ns for path in files if path.exists()]
    scored(data, predictor).compute(told.append)
    assert told[4:] == [4]
    assert [path.stat().st_mtime_ns for path in (*files[:2], files[3])] == before
    assert np.load(files[2]).dtype == np.float16
    assert not list(images.folder.rglob("*.partial"))


def test_trials_are_known_to_the_next_run_even_if_the_last_line_was_cut(
    data: Path, predictor: Predictor
) -> None:
    images = scored(data, predictor)
    images.compute()
    assert images.known() == {}
    other = Point(3, 30, 5)
    expected = {point: images.mean_iou(point) for point in (POINT, other)}
    assert scored(data, predictor).known() == expected
    record = images.folder / "trials.jsonl"
    content = record.read_text()
    assert [json.loads(line)["w1"] for line in content.splitlines()[1:]] == [5, 3]
    record.write_text(content[:-9])
    assert scored(data, predictor).known() == {POINT: expected[POINT]}


def test_after_a_cut_line_the_next_trial_is_not_lost(data: Path, predictor: Predictor) -> None:
    images = scored(data, predictor)
    images.compute()
    images.mean_iou(POINT)
    record = images.folder / "trials.jsonl"
    record.write_text(record.read_text()[:-9])
    value = images.mean_iou(Point(3, 30, 5))
    assert images.known() == {Point(3, 30, 5): value}


def test_other_models_labels_or_classes_have_folders_of_their_own(data: Path, predictor: Predictor) -> None:
    first = scored(data, predictor).folder
    assert scored(data, predictor).folder == first
    other_model = Predictor(predictor.engine, predictor.info, "another")
    folders = {scored(data, other_model).folder, scored(data, predictor, "background=red+background").folder}
    label = data / "labels/0.png"
    os.utime(label, ns=(1, 1))
    folders.add(scored(data, predictor).folder)
    assert len(folders - {first}) == 3


def test_evenly_takes_images_at_equal_distances(data: Path) -> None:
    dataset = open_dataset(f"folder:{data}", "all")
    assert [entry.id for entry in dataset.entries] == ["0", "1", "2", "3"]
    assert [entry.id for entry in evenly(dataset, 2).entries] == ["0", "2"]
    assert [entry.id for entry in evenly(dataset, 3).entries] == ["0", "1", "2"]  # 0, 4/3, 8/3
    assert evenly(dataset, 4).entries == evenly(dataset, 100).entries == dataset.entries


def test_images_without_a_label_are_refused(data: Path, predictor: Predictor) -> None:
    for path in (data / "labels").iterdir():
        Image.fromarray(np.full((30, 90), 255, np.uint8)).save(path)
    images = scored(data, predictor)
    images.compute()
    with pytest.raises(DataError, match="no pixel of these images has a label"):
        images.confusion(None)


def test_a_damaged_file_of_scores_is_named(data: Path, predictor: Predictor) -> None:
    images = scored(data, predictor)
    images.compute()
    path = images.folder / "scores/00001.npy"
    header = b"{'descr': '<f2', 'fortran_order': False, 'shape': (4, 99999, 9999999), }".ljust(117) + b"\n"
    archive = io.BytesIO()
    np.savez(archive, np.zeros((4, 30, 90), np.float16))
    for content in (
        b"no scores",
        archive.getvalue(),
        b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header,
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"00001.npy cannot be read(.|\n)*remove the file"):
            images.confusion(None)
    np.save(path, np.zeros((30, 90)))
    with pytest.raises(
        DataError, match=r"00001.npy cannot be read: expected \(C, h, w\) float16, got \(30, 90\)"
    ):
        images.confusion(None)


def test_scores_too_large_for_float16_are_kept_by_their_differences(data: Path, predictor: Predictor) -> None:
    plain = scored(data, predictor)
    plain.compute()
    assert isinstance(predictor.engine, CoarseEngine)
    score = predictor.engine.coarse_scores
    with pytest.MonkeyPatch.context() as patch:
        raised = lambda image: np.asarray(score(image)) + np.float32(100_000)  # noqa: E731
        patch.setattr(predictor.engine, "coarse_scores", raised)
        large = ScoredImages(predictor, open_dataset(f"folder:{data}", "all"), data.parent / "other")
        large.compute()
    assert np.array_equal(large.confusion(None), plain.confusion(None))
    for path in large.folder.glob("scores/*.npy"):
        assert np.isfinite(np.load(path)).all()


def test_records_of_trials_that_no_search_writes_do_not_count(data: Path, predictor: Predictor) -> None:
    images = scored(data, predictor)
    images.folder.mkdir(parents=True)
    sound = {**POINT._asdict(), "mean_iou": 0.5}
    lines = [
        sound,
        {**sound, "mean_iou": float("nan")},
        {**sound, "w1": float("inf")},
        {**sound, "w1": 10**400},
    ]
    texts = [*map(json.dumps, lines), "[" * 100_000, "7", "null"]
    (images.folder / "trials.jsonl").write_text("\n".join(texts))
    assert images.known() == {POINT: 0.5}


def test_random_images_follow_from_the_seed(data: Path) -> None:
    dataset = open_dataset(f"folder:{data}", "all")
    ids = [entry.id for entry in dataset.entries]
    drawn = [[entry.id for entry in at_random(dataset, 2, seed).entries] for seed in range(20)]
    assert all(sorted(each) == each and len(set(each)) == 2 for each in drawn)
    assert drawn == [[entry.id for entry in at_random(dataset, 2, seed).entries] for seed in range(20)]
    assert {id_ for each in drawn for id_ in each} == set(ids), "every image is drawn by some seed"
    assert at_random(dataset, 100, 0).entries == dataset.entries
