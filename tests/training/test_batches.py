"""Which samples come when."""

import shutil
from pathlib import Path

import pytest
import torch

from pixelwise.data import open_dataset
from pixelwise.data.transforms import Augmentation
from pixelwise.errors import DataError
from pixelwise.training.batches import Batch, StepSampler, batches


def test_every_epoch_shows_every_sample_once() -> None:
    keys = [key for batch in StepSampler(10, 4, 0, 0, 5) for key in batch]
    assert len(keys) == 20
    for epoch in (0, 1):
        assert sorted(index for e, index in keys if e == epoch) == list(range(10))
    assert [i for e, i in keys if e == 0] != [i for e, i in keys if e == 1]


def test_a_stream_that_starts_late_goes_on_as_the_whole_one() -> None:
    whole = list(StepSampler(7, 3, 5, 0, 9))
    assert list(StepSampler(7, 3, 5, 4, 9)) == whole[4:]


def test_samples_do_not_depend_on_the_number_of_workers(squares: Path) -> None:
    data = open_dataset(f"folder:{squares}", "train")

    def read(workers: int) -> list[Batch]:
        return list(batches(data, Augmentation(33, (0.5, 1.5), colour=0.3), 3, 1, 0, 4, workers))

    before = torch.get_rng_state()
    for (image, labels), (other_image, other_labels) in zip(read(0), read(2), strict=True):
        assert image.shape == (3, 3, 33, 33)
        assert torch.equal(image, other_image)
        assert torch.equal(labels, other_labels)
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
        list(batches(data, Augmentation(33, (1.0, 1.0)), 3, 1, 0, 8, workers))
    assert caught.value.message == f"the image {root / 'train/images/7.png'}: no such file"
