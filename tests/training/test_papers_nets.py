"""The papers' nets in training: labels at stride 8, stages, sampling and balancing of the loss."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from pixelwise.core.errors import ModelError, TrainingError
from pixelwise.data import open_dataset
from pixelwise.models.nets.deeplab import DeepLab, deeplab
from pixelwise.models.nets.fcn import FCN, LateFusion
from pixelwise.models.nets.segmentation_net import SegmentationNet
from pixelwise.models.paper_nets import CATALOGUE
from pixelwise.recipes import get_recipe
from pixelwise.training import checkpoint
from pixelwise.training.loop import train
from pixelwise.training.losses.cross_entropy import cross_entropy
from pixelwise.training.optimizer import make_optimizer, schedule, set_rates
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.recipe_net import build_net, load_run

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

SETTINGS = [
    "backbone_weights=none",
    "freeze_stages=0",
    "dropout=0.5",
    "crop=33",
    "batch_size=2",
    "steps=2",
    "warmup_steps=0",
    "optimizer=sgd",
    "ema=0",
    "workers=0",
]


def run_squares(squares: Path, run: Path, *more: str) -> None:
    recipe = Recipe(name="squares", data=f"folder:{squares}").override([*SETTINGS, *more])
    sets = [open_dataset(recipe.data, split) for split in ("train", "val")]
    assert train(recipe, sets[0], sets[1], run)


@pytest.fixture(scope="module", autouse=True)
def narrow_nets() -> Iterator[None]:
    """The nets of these tests have a hundredth of their channels."""
    narrow = {"widths": (8, 8, 16, 16, 16), "filters": 16}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fcn32s-vgg16", "fcn16s-vgg16", "deeplab-large-fov"):
            arguments = {**CATALOGUE[name].arguments, **narrow}
            patch.setitem(CATALOGUE, name, replace(CATALOGUE[name], arguments=arguments))
        yield


@pytest.fixture(scope="module")
def first_stage(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of FCN-32s, with half of the cells and balanced classes."""
    run = tmp_path_factory.mktemp("runs") / "stage_one"
    run_squares(squares, run, "net=fcn32s-vgg16", "loss_sampling=0.5", "balance_classes=0.5")
    return run


def test_a_run_of_a_papers_net_loads_as_that_net(first_stage: Path) -> None:
    net, info = load_run(first_stage)
    assert isinstance(net, FCN)
    assert info.training["recipe"]["net"] == "fcn32s-vgg16"
    assert info.preprocessing["mean"] == pytest.approx([122.67892, 116.66877, 104.00699])


def test_a_stage_starts_from_the_run_it_names(
    squares: Path, first_stage: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rates = ("learning_rate=0", "head_learning_rate=0")
    run_squares(squares, tmp_path, "net=fcn16s-vgg16", f"init_from={first_stage}", *rates)
    before, after = (checkpoint.load(run / checkpoint.LAST).mean for run in (first_stage, tmp_path))
    assert all(torch.equal(before[name], after[name]) for name in before if name != "upscore.weight")
    assert not after["score_pool4.weight"].any()
    told = capfd.readouterr().err
    assert f"from {first_stage}: {len(before) - 1} copied; dropped: upscore.weight; left: " in told
    assert "score_pool4.weight, score_pool4.bias" in told

    recipe = load_run(tmp_path)[1].training["recipe"]
    assert recipe["init_from"] == "stage_one", "the record says which run, not where it lay"


def test_a_net_that_sees_hha_alone_begins_as_the_stream_of_late_fusion_does(tmp_path: Path) -> None:
    """HHA comes in the place of BGR: the release copies VGG16's filters as they are."""
    layers = torchvision.models.vgg.make_layers([8, 8, "M", 8, 8, "M", *[16, 16, 16, "M"] * 3])
    tensors = {f"features.{name}": tensor for name, tensor in layers.state_dict().items()}
    save_file(tensors, tmp_path / "vgg.safetensors")

    def started(inputs: str, channels: int) -> SegmentationNet:
        settings = (f"inputs={inputs}", f"backbone_weights={tmp_path / 'vgg.safetensors'}")
        recipe = Recipe(name="r", data="d").override([*SETTINGS, "net=fcn32s-vgg16", *settings])
        return build_net(recipe, 3, channels=channels)

    alone, fused = started("hha", 3), started("image,hha", 6)
    assert isinstance(fused, LateFusion)
    found, expected = alone.state_dict(), fused.other.state_dict()
    assert torch.equal(found["backbone.conv1_1.weight"], tensors["features.0.weight"].flip(1))
    same = ("mean", "std", "backbone.conv1_1.weight")
    assert all(torch.equal(found[name], expected[name]) for name in same)


def test_names_with_underscores_are_as_good() -> None:
    recipe = Recipe(name="r", data="d").override([*SETTINGS, "net=fcn32s_vgg16"])
    assert isinstance(build_net(recipe, 3), FCN)


def test_a_stage_without_the_run_before_says_so(squares: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="has written a checkpoint"):
        run_squares(squares, tmp_path / "next", "net=fcn16s-vgg16", f"init_from={tmp_path}")


def test_a_run_of_another_net_is_no_start(squares: Path, first_stage: Path, tmp_path: Path) -> None:
    state = checkpoint.load(first_stage / checkpoint.LAST)
    names = {f"other.{name}": tensor for name, tensor in state.mean.items()}
    checkpoint.save(checkpoint.Checkpoint(**{**vars(state), "mean": names}), tmp_path / checkpoint.LAST)
    with pytest.raises(ModelError, match="no layer in common"):
        run_squares(squares, tmp_path / "next", "net=fcn16s-vgg16", f"init_from={tmp_path}")


def test_deeplab_learns_squares_from_subsampled_labels(squares: Path, tmp_path: Path) -> None:
    rates = ("learning_rate=1e-3", "head_learning_rate=3e-3", "optimizer=adamw", "dropout=0")
    run_squares(squares, tmp_path, "net=deeplab-large-fov", "steps=150", "crop=49", *rates)
    net, _ = load_run(tmp_path)
    assert isinstance(net, DeepLab)
    assert checkpoint.load(tmp_path / checkpoint.LAST).history[-1]["mean_iou"] > 0.5, "all ground gives 0.41"


def test_the_first_steps_of_multi_scale_training_bring_the_loss_down() -> None:
    """The recipe's rates on crops as CamVid's recipes have; the trunk keeps the size of its input, 0 to 255
    less the mean, as VGG16's weights of Caffe do.
    """
    recipe = get_recipe("voc_deeplab_msc_large_fov")
    assert isinstance(recipe, Recipe)
    torch.manual_seed(0)
    net = deeplab("large_fov", True, classes=11, widths=(2, 4, 8, 8, 8), filters=8).train()
    with torch.no_grad():
        features = net.backbone(net.normalise(torch.rand(1, 3, 97, 97) * 255))
    assert all(features[name].std() > 20 for name in ("pool1", "pool4")), "of Caffe's scale"
    optimizer, losses = make_optimizer(net, recipe), []
    labels = torch.randint(11, (1, 5, 5)).repeat_interleave(52, 1).repeat_interleave(52, 2)[:, :257, :257]
    colours = torch.rand(11, 3)[labels].permute(0, 3, 1, 2) * 255
    for step in range(50):
        set_rates(optimizer, schedule(step, recipe))
        optimizer.zero_grad()
        image = (colours + 20 * torch.randn(1, 3, 257, 257)).clamp(0, 255)
        loss = cross_entropy(net(image), net.sampled(labels))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] < 4, "about ln 11"
    assert max(losses) < 2 * losses[0]
    assert sum(losses[-10:]) / 10 < losses[0] / 2


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_every_net_of_the_papers_is_built_for_a_recipe(name: str) -> None:
    recipe = Recipe(name="r", data="d").override([*SETTINGS, f"net={name}", "freeze_stages=2"])
    with torch.device("meta"):
        net = build_net(recipe, 11)
    first = next(net.named_parameters())
    assert "conv1" in first[0]
    assert not first[1].requires_grad
    assert any(p.requires_grad for p in net.parameters())
