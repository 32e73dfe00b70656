"""Which samples come when."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from pixelwise.core.errors import DataError
from pixelwise.data import open_dataset
from pixelwise.data.transforms import Augmentation
from pixelwise.training.sampling.batches import Batch, Plan, StepSampler, batches


def test_every_epoch_shows_every_sample_once() -> None:
    keys = [key for batch in StepSampler(np.ones(10), Plan(4, 0, 0, 5)) for key in batch]
    assert len(keys) == 20
    for epoch in (0, 1):
        assert sorted(index for e, index, _ in keys if e == epoch) == list(range(10))
    assert [i for e, i, _ in keys if e == 0] != [i for e, i, _ in keys if e == 1]


def test_a_stream_that_starts_late_goes_on_as_the_whole_one() -> None:
    whole = list(StepSampler(np.ones(7), Plan(3, 5, 0, 9)))
    assert list(StepSampler(np.ones(7), Plan(3, 5, 4, 9))) == whole[4:]


def test_the_parts_of_processes_are_the_batches_of_one_with_larger_batches() -> None:
    large = list(StepSampler(np.ones(7), Plan(6, 5, 0, 4)))
    first, second = (list(StepSampler(np.ones(7), Plan(3, 5, 0, 4, range(r, r + 1), 2))) for r in (0, 1))
    assert [a + b for a, b in zip(first, second, strict=True)] == large
    accumulated = list(StepSampler(np.ones(7), Plan(3, 5, 0, 4, range(2), 2)))
    assert [a + b for a, b in zip(accumulated[::2], accumulated[1::2], strict=True)] == large


def test_samples_do_not_depend_on_the_number_of_workers(squares: Path) -> None:
    data = open_dataset(f"folder:{squares}", "train")

    def read(workers: int) -> list[Batch]:
        plan = Plan(batch_size=3, seed=1, start=0, stop=4)
        steps = batches(data, Augmentation(33, (0.5, 1.5), colour=0.3), plan, workers)
        return [batch for (batch,) in steps]

    before = torch.get_rng_state()
    for one, other in zip(read(0), read(2), strict=True):
        assert one.images.shape == (3, 3, 33, 33)
        assert one.ids == other.ids
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.heads["semantic"], other.heads["semantic"])
    assert torch.equal(before, torch.get_rng_state()), "reading draws nothing from torch's generator"


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_vanishes_while_training_is_named_without_torch_s_traceback(
    squares: Path, tmp_path: Path, workers: int
) -> None:
    root = tmp_path / "squares"
    shutil.copytree(squares, root)
    data = open_dataset(f"folder:{root}", "train")
    (root / "train/images/7.png").unlink()
    with pytest.raises(DataError) as caught:
        list(batches(data, Augmentation(33, (1.0, 1.0)), Plan(3, 1, 0, 8), workers))
    assert caught.value.message == f"the image {root / 'train/images/7.png'}: no such file"
