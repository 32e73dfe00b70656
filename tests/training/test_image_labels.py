"""EM-Fixed and EM-Adapt on scores worked out by hand, and a net that learns from labels of pictures alone."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from squares_runs import SETTINGS, run_recipe, start

from pixelwise.core.types import VOID
from pixelwise.data import open_dataset
from pixelwise.data.transforms import Augmentation
from pixelwise.training import checkpoint
from pixelwise.training.losses.image_labels import Estimate, em_adaptive, em_fixed
from pixelwise.training.recipe import Recipe
from pixelwise.training.sampling.batches import AugmentedImages, Batch

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes


def inside(scores: torch.Tensor) -> torch.Tensor:
    """Every pixel belongs to the picture."""
    return torch.ones_like(scores[:, 0], dtype=torch.bool)


def test_em_fixed_adds_5_to_objects_and_3_to_the_background_that_are_shown() -> None:
    scores = torch.tensor([[[[4.0, 6.0, 0.0, 0.0]], [[1.0, 3.0, 0.0, 9.0]], [[0.0, 0.0, 7.0, 0.0]]]])
    present = torch.tensor([[True, True, False]])
    # with biases 3, 5, 0: (7, 6, 0), (9, 8, 0), (3, 5, 7), (3, 14, 0)
    assert em_fixed(scores, present, inside(scores)).tolist() == [[[0, 0, 2, 1]]]


def test_from_equal_scores_only_em_adapt_finds_a_background() -> None:
    """Why EM-Fixed must start from a net that knows the background: 5 for the object beats 3."""
    torch.manual_seed(0)
    scores = 0.01 * torch.randn(1, 3, 20, 20)
    present = torch.tensor([[True, False, True]])
    assert (em_fixed(scores, present, inside(scores)) == 2).all()
    assert float((em_adaptive(scores, present, inside(scores)) == 0).float().mean()) >= 0.4


def test_em_adaptive_gives_shown_classes_their_share_and_others_nothing() -> None:
    torch.manual_seed(0)
    scores = torch.randn(2, 4, 20, 20) + torch.tensor([5.0, 0.0, 2.0, 9.0])[:, None, None]
    present = torch.tensor([[True, True, True, False], [True, False, True, False]])
    labels = em_adaptive(scores, present, inside(scores))
    shares = [[float((one == id_).float().mean()) for id_ in range(4)] for one in labels]
    assert shares[0][3] == shares[1][1] == shares[1][3] == 0
    assert shares[0][0] >= 0.35 and shares[0][1] >= 0.15 and shares[0][2] >= 0.15
    assert shares[1][0] >= 0.4 and shares[1][2] == pytest.approx(0.2, abs=0.02)


def test_em_adaptive_leaves_scores_that_satisfy_it() -> None:
    scores = torch.zeros(1, 2, 1, 10)
    scores[0, 1, 0, 5:] = 8.0
    scores[0, 0, 0, :5] = 8.0
    labels = em_adaptive(scores, torch.tensor([[True, True]]), inside(scores))
    assert labels.tolist() == [[[0] * 5 + [1] * 5]]


def test_pixels_beyond_the_picture_do_not_count_as_background() -> None:
    """The right half of a crop is beyond the picture. If it counted, the background would have its share
    there, and the object all of the picture.
    """
    torch.manual_seed(0)
    scores = torch.randn(1, 2, 20, 20)
    scores[0, 1] += 3
    scores[0, 0, :, 10:] += 9
    picture = torch.zeros(1, 20, 20, dtype=torch.bool)
    picture[..., :10] = True
    present = torch.tensor([[True, True]])
    share = float((em_adaptive(scores, present, picture)[0, :, :10] == 0).float().mean())
    assert share == pytest.approx(0.4, abs=0.02)
    everywhere = em_adaptive(scores, present, inside(scores))
    assert float((everywhere[0, :, :10] == 0).float().mean()) < 0.1


def test_a_crop_without_a_pixel_of_the_picture_has_labels_that_do_not_count() -> None:
    scores = torch.zeros(1, 2, 3, 3)
    nothing = torch.zeros(1, 3, 3, dtype=torch.bool)
    assert em_adaptive(scores, torch.tensor([[True, True]]), nothing).shape == (1, 3, 3)


def test_many_classes_share_a_picture() -> None:
    torch.manual_seed(0)
    scores = torch.randn(1, 8, 30, 30)
    labels = em_adaptive(scores, torch.ones(1, 8, dtype=torch.bool), inside(scores))
    assert set(labels.flatten().tolist()) == set(range(8))


def test_a_batch_holds_which_classes_the_whole_picture_shows_and_no_pixel(squares: Path) -> None:
    images = open_dataset(f"folder:{squares}", "train")
    given = AugmentedImages(images, Augmentation(80, (1.0, 1.0)), 0, image_labels=True)
    batch = given[0, 3, 0]
    assert isinstance(batch, Batch)
    assert batch.present.tolist() == [[True, True]]
    labels = batch.heads["semantic"]
    assert set(labels.flatten().tolist()) == {0, VOID}, "VOID beyond a picture of 48 x 64"
    assert int((labels == 0).sum()) == 48 * 64


@pytest.mark.parametrize(("estimate", "least"), [(em_fixed, 0.8), (em_adaptive, 0.95)])
def test_a_net_finds_objects_of_which_it_knows_only_that_they_are_there(
    estimate: Estimate, least: float
) -> None:
    """A linear net on pixels; half of the pictures show a bright square of a third of their pixels."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(16, 1, 24, 24, generator=generator) * 0.3
    truth = torch.zeros(16, 24, 24, dtype=torch.int64)
    truth[::2, 5:19, 4:18] = 1
    images += 0.6 * truth[:, None]
    present = torch.stack([(truth == id_).flatten(1).any(1) for id_ in (0, 1)], 1)
    net = torch.nn.Conv2d(1, 2, 1)
    torch.nn.init.zeros_(net.weight)
    torch.nn.init.zeros_(net.bias)  # type: ignore[arg-type]
    optimizer = torch.optim.SGD(net.parameters(), 1.0, momentum=0.9)
    for _ in range(150):
        scores = net(images)
        loss = torch.nn.functional.cross_entropy(scores, estimate(scores.detach(), present, inside(scores)))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    found = net(images).argmax(1)
    assert float((found[::2] == truth[::2]).float().mean()) > least


@pytest.fixture(scope="module")
def red_or_blue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures with a red square, a blue one or none in turn, in the folder layout."""
    root = tmp_path_factory.mktemp("red_or_blue")
    rng = np.random.default_rng(0)
    for split, count in (("train", 18), ("val", 6)):
        for kind in ("images", "labels"):
            (root / split / kind).mkdir(parents=True)
        for index in range(count):
            image = rng.integers(0, 80, (48, 64, 3)).astype(np.uint8)
            labels = np.zeros((48, 64), np.uint8)
            if shown := index % 3:
                top, left = rng.integers(0, 20), rng.integers(0, 36)
                labels[top : top + 28, left : left + 28] = shown
                image[labels == 1, 0] += 150
                image[labels == 2, 2] += 150
            Image.fromarray(image).save(root / split / f"images/{index}.png")
            Image.fromarray(labels).save(root / split / f"labels/{index}.png")
    (root / "classes.txt").write_text("background\nred\nblue\n")
    return root


@pytest.mark.slow
def test_a_deep_net_with_random_weights_learns_from_labels_of_pictures(
    red_or_blue: Path, tmp_path: Path
) -> None:
    rates = ("learning_rate=3e-3", "head_learning_rate=1e-2", "ema=0.9", "dropout=0")
    crops = ("crop=64", "scale=0.9,1.1", "steps=120", "evaluate_every=120", "workers=0")
    assert run_recipe(red_or_blue, tmp_path, *SETTINGS, *rates, *crops, "image_labels=em_adaptive")
    found = checkpoint.load(tmp_path / checkpoint.LAST).history[-1]["mean_iou"]
    assert found > 0.5, "background alone gives 0.28, masks 0.95"


def test_of_a_label_file_only_the_classes_that_it_shows_count(squares: Path, tmp_path: Path) -> None:
    """Labels of one pixel a class train the same net, bit for bit, as whole masks."""
    shutil.copytree(squares, tmp_path / "data")
    for path in sorted((tmp_path / "data/train/labels").iterdir()):
        labels = np.full((48, 64), VOID, np.uint8)
        labels[0, :2] = 0, 1
        Image.fromarray(labels).save(path)
    settings = [*SETTINGS, *start(squares), "image_labels=em_fixed", "steps=3", "workers=0"]
    states = []
    for name, folder in (("masks", squares), ("points", tmp_path / "data")):
        assert run_recipe(folder, tmp_path / name, *settings)
        states.append(checkpoint.load(tmp_path / name / checkpoint.LAST))
    assert all(torch.equal(states[0].net[key], states[1].net[key]) for key in states[0].net)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("balance_classes=1", "leave out balance_classes"),
        ("also=folder:x", "without also"),
        ("image_labels=em_soft", "image_labels must be"),
    ],
)
def test_what_image_labels_do_not_go_with_is_refused(setting: str, words: str) -> None:
    from pixelwise.core.errors import TrainingError

    with pytest.raises(TrainingError, match=words):
        Recipe("weak", "folder:x").override(["image_labels=em_fixed", setting])
