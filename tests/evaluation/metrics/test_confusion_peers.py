"""Figures equal to torchmetrics' and scikit-learn's on a thousand random cases."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pixelwise.core.types import Labels
from pixelwise.evaluation.metrics import confusion as metrics
from pixelwise.evaluation.metrics.confusion import Counts, confusion_matrix

CASES = 1000


def cases() -> Iterator[tuple[int, Labels, Labels]]:
    """Classes, truth and prediction: void in the truth, and classes absent from either or from both."""
    rng = np.random.default_rng(0)
    for _ in range(CASES):
        classes = int(rng.integers(2, 25))
        shape = tuple(rng.integers(1, 30, 2))
        true, predicted = (
            np.flatnonzero(rng.random(classes) < 0.7) if rng.random() < 0.5 else np.arange(classes)
            for _ in range(2)
        )
        truth = rng.choice(true if true.size else [0], shape).astype(np.uint8)
        prediction = rng.choice(predicted if predicted.size else [0], shape).astype(np.uint8)
        agree = rng.random(shape) < rng.random()
        prediction[agree] = truth[agree]
        truth[rng.random(shape) < rng.choice([0, 0.1, 0.6])] = 255
        if (truth != 255).any():  # peers differ in what nothing at all is worth
            yield classes, truth, prediction


def test_the_cases_have_void_and_classes_absent_on_either_side() -> None:
    kinds = {"void": 0, "only predicted": 0, "only true": 0, "neither": 0}
    for classes, truth, prediction in cases():
        counts = Counts.of(confusion_matrix(truth, prediction, classes))
        kinds["void"] += (truth == 255).any()
        kinds["only predicted"] += ((counts.truth == 0) & (counts.predicted > 0)).any()
        kinds["only true"] += ((counts.truth > 0) & (counts.predicted == 0)).any()
        kinds["neither"] += (counts.truth + counts.predicted == 0).any()
    assert min(kinds.values()) > 200, kinds


@pytest.fixture
def torch_in_double(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """torch, where `float` and every division give float64: torchmetrics' formulas without its rounding."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield torch
    torch.set_default_dtype(before)


@pytest.mark.slow
def test_equal_to_torchmetrics(torch_in_double: Any) -> None:
    peer = pytest.importorskip("torchmetrics.functional.classification")
    for classes, truth, prediction in cases():
        confusion = confusion_matrix(truth, prediction, classes)
        maps = [torch_in_double.from_numpy(labels).long() for labels in (prediction, truth)]

        def theirs(name: str, maps: Any = maps, classes: int = classes, **options: str) -> Any:
            return getattr(peer, f"multiclass_{name}")(*maps, classes, ignore_index=255, **options).numpy()

        assert np.array_equal(confusion, theirs("confusion_matrix"))
        figures = {
            "jaccard_index": metrics.class_iou,
            "precision": metrics.class_precision,
            "recall": metrics.class_accuracy,
            "f1_score": metrics.class_f1,
        }
        for name, figure in figures.items():
            ours = np.nan_to_num(figure(confusion))  # torchmetrics has 0 where there is no figure
            np.testing.assert_allclose(ours, theirs(name, average="none"), rtol=0, atol=1e-12)
        mean = metrics.mean_iou(confusion)  # its macro average leaves out classes absent from both sides
        assert mean == pytest.approx(theirs("jaccard_index", average="macro"), abs=1e-12)
        weighted = metrics.frequency_weighted_iou(confusion)
        assert weighted == pytest.approx(theirs("jaccard_index", average="weighted"), abs=1e-12)
        accuracy = metrics.pixel_accuracy(confusion)
        assert accuracy == pytest.approx(theirs("accuracy", average="micro"), abs=1e-12)


@pytest.mark.slow
def test_equal_to_scikit_learn() -> None:
    peer = pytest.importorskip("sklearn.metrics")
    for classes, truth, prediction in cases():
        confusion = confusion_matrix(truth, prediction, classes)
        counts = Counts.of(confusion)
        known = truth != 255
        maps = truth[known], prediction[known]
        assert np.array_equal(confusion, peer.confusion_matrix(*maps, labels=np.arange(classes)))

        either = np.flatnonzero(counts.truth + counts.predicted)
        scores = peer.precision_recall_fscore_support(*maps, labels=either, zero_division=np.nan)
        ours = counts.precision(), counts.recall(), counts.f1(), counts.truth
        for mine, theirs in zip(ours, scores, strict=True):
            np.testing.assert_allclose(mine[either], theirs, rtol=0, atol=1e-12)
        true = np.flatnonzero(counts.truth)
        for average, labels, figure in (
            ("macro", either, metrics.mean_iou(confusion)),
            ("macro", true, metrics.mean_iou(confusion, absent="drop")),
            ("weighted", either, metrics.frequency_weighted_iou(confusion)),
        ):
            theirs = peer.jaccard_score(*maps, labels=labels, average=average)
            assert figure == pytest.approx(theirs, abs=1e-12)
        assert metrics.pixel_accuracy(confusion) == pytest.approx(peer.accuracy_score(*maps), abs=1e-12)
        assert metrics.mean_accuracy(confusion) == pytest.approx(np.nanmean(scores[1]), abs=1e-12)
