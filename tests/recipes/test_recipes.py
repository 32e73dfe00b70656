"""Every recipe, with nets of a hundredth of their channels, on a handful of generated pictures."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pixelwise import recipes
from pixelwise.data import open_dataset
from pixelwise.data.spec import SOURCES
from pixelwise.models.paper_nets import CATALOGUE
from pixelwise.training import checkpoint
from pixelwise.training.loop import train
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.recipe_net import load_run
from pixelwise.training.stages import Chain, train_chain

TRUNKS = ("alexnet", "vgg16", "googlenet")
OF_THE_PAPERS = {
    *(f"voc_fcn{net}_{trunk}" for net in ("32s", "16s", "8s", "8s_at_once") for trunk in TRUNKS),
    *(f"voc_fcn{net}_{trunk}_batch20" for net in ("32s", "16s", "8s") for trunk in TRUNKS),
    *(f"voc2011_fcn32s_{trunk}" for trunk in TRUNKS),
    *(f"voc_fcn16s_{change}_vgg16" for change in ("pool4_only", "max")),
    *(
        f"voc_fcn32s_{n}_vgg16"
        for n in ("rate_only", "dense_pool5", "random_scores", "nonlinear", "balanced")
    ),
    "voc_fcn32s_vgg19",
    "voc_fcn32s_fixed_vgg16",
    *(f"voc_deeplab_{net}" for net in ("base", "4x4", "7x7", "large_fov", "msc_base", "msc_large_fov")),
    "voc_deeplab_large_fov_alexnet",
    *(f"voc_deeplab_{net}_trainval" for net in ("base", "7x7", "large_fov", "msc_base", "msc_large_fov")),
    *(f"nyud_{inputs}" for inputs in ("rgb", "rgbd", "hha", "rgb_hha", "rgb_hha_16s")),
    *("siftflow_fcn16s", "pascal_context_59", "pascal_context_33", "stanford_background_fcn16s"),
}
OTHERS = {
    *("camvid_fcn32s_vgg16", "camvid_fcn16s_vgg16", "camvid_fcn8s_vgg16", "camvid_fcn8s_vgg16_stages"),
    *("camvid_large_fov", "camvid_best", "finetune", "finetune_crf"),
}
SPLITS = {
    "voc": {"train", "val", "train_aug", "trainval_aug", "seg11valid"},
    "nyud": {"train", "val", "trainval", "test"},
}
"""Those that are read, where `pixelwise data` lists fewer."""


@pytest.fixture(scope="module", autouse=True)
def narrow_nets() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, entry in CATALOGUE.items():
            narrow: dict[str, object] = {"filters": 16} if "googlenet" not in name else {}
            if "vgg1" in name or name.startswith("deeplab"):
                narrow["widths"] = (8, 8, 16, 16, 16)
            if "msc" in name:
                narrow["branch_filters"] = 4
            patch.setitem(CATALOGUE, name, replace(entry, arguments={**entry.arguments, **narrow}))
        yield


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures of 48 x 40 with two heads, depth and HHA: a bright square on dark ground."""
    root = tmp_path_factory.mktemp("rooms")
    for folder in ("images", "labels", "labels.geometric", "channels.hha", "channels.depth"):
        (root / folder).mkdir()
    rng = np.random.default_rng(0)
    for index in range(12):
        labels = np.zeros((48, 40), np.uint8)
        top, left = rng.integers(0, 20, 2)
        labels[top : top + 24, left : left + 20] = 1
        picture = (rng.integers(0, 60, (48, 40, 3)) + 150 * labels[..., None]).astype(np.uint8)
        for folder, content in (("images", picture), ("channels.hha", picture)):
            Image.fromarray(content).save(root / folder / f"{index:02}.png")
        for folder in ("labels", "labels.geometric"):
            Image.fromarray(labels).save(root / folder / f"{index:02}.png")
        np.save(root / f"channels.depth/{index:02}.npy", 7 + labels.astype(np.float32))
    for name in ("classes.txt", "classes.geometric.txt"):
        (root / name).write_text("ground\nsquare\n")
    return root


def stages_of(name: str) -> tuple[Recipe, ...]:
    recipe = recipes.get_recipe(name)
    return recipe.stages if isinstance(recipe, Chain) else (recipe,)


def in_small(recipe: Recipe, rooms: Path) -> Recipe:
    """Two steps on small crops of the rooms, from random weights; all else as in the recipe."""
    trunk = {"backbone": "test_efficientnet", "context": 8, "hidden": 4} if recipe.net == "skip_fcn" else {}
    size = {"crop": min(recipe.crop, 33), "batch_size": min(recipe.batch_size, 2), "workers": 0}
    course = {"accumulate": min(recipe.accumulate, 2), "steps": 2, "evaluate_every": 2}
    splits = {"data": f"folder:{rooms}", "val_data": None, "train_split": "train", "val_split": "val"}
    start = {"backbone_weights": "none", "init_from": None, "classes": None}
    return replace(recipe, **trunk, **size, **course, **splits, **start)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("name", recipes.recipe_names())
def test_a_recipe_trains_and_gives_a_net(name: str, rooms: Path, tmp_path: Path) -> None:
    recipe = recipes.get_recipe(name)
    assert recipe.name == name and not recipe.faults()
    train_set, val_set = (open_dataset(f"folder:{rooms}", split) for split in ("train", "val"))
    last = tmp_path
    if isinstance(recipe, Chain):
        small = Chain(name, tuple(in_small(stage, rooms) for stage in recipe.stages))
        assert train_chain(small, train_set, val_set, tmp_path)
        last = small.places(tmp_path)[-1]
    else:
        assert train(in_small(recipe, rooms), train_set, val_set, last)
    state = checkpoint.load(last / checkpoint.LAST)
    assert state.step == 2
    assert 0 <= state.history[-1]["mean_iou"] <= 1
    net, _ = load_run(last)
    scores = net(torch.zeros(1, state.channels, 48, 40))
    assert scores.shape == (1, 2, 48, 40)  # of two heads the first


def test_every_net_and_data_set_of_the_papers_has_its_recipe() -> None:
    assert len(OF_THE_PAPERS) == 12 + 9 + 3 + 8 + 1 + 6 + 5 + 4 + 6
    assert set(recipes.recipe_names()) >= OF_THE_PAPERS | OTHERS
    trained = {stage.net for name in OF_THE_PAPERS for stage in stages_of(name)}
    assert trained == set(CATALOGUE)


@pytest.mark.parametrize(
    ("name", "rate", "steps"),
    [
        ("voc_fcn32s_vgg16", 1e-10, 100_000),
        ("voc_fcn16s_vgg16", 1e-12, 100_000),
        ("voc_fcn8s_vgg16", 1e-14, 100_000),
        ("voc_fcn8s_at_once_vgg16", 1e-10, 300_000),
    ],
)
def test_fcn_is_trained_as_in_the_release(name: str, rate: float, steps: int) -> None:
    (recipe,) = stages_of(name)
    assert (recipe.learning_rate, recipe.head_learning_rate, recipe.steps) == (rate, rate, steps)
    assert (recipe.momentum, recipe.weight_decay, recipe.decay_biases) == (0.99, 5e-4, False)
    assert (recipe.loss, recipe.crop, recipe.batch_size, recipe.accumulate) == ("sum", 0, 1, 1)
    assert (recipe.padding, recipe.upsampling, recipe.mirror) == ("release", "fixed", False)
    assert (recipe.data, recipe.train_split) == ("sbd:SBD", "train")
    assert (recipe.val_data, recipe.val_split) == ("voc:VOC2012", "seg11valid")


@pytest.mark.parametrize(("trunk", "rate"), [("alexnet", 1e-4), ("googlenet", 5e-5)])
def test_the_smaller_trunks_see_sbds_8498_pictures_175_times_in_batches_of_20(
    trunk: str, rate: float
) -> None:
    (recipe,) = stages_of(f"voc_fcn32s_{trunk}")
    assert recipe.batch_size * recipe.accumulate == 20
    assert 175 <= recipe.steps * 20 / 8498 < 176
    assert (recipe.learning_rate, recipe.momentum, recipe.loss) == (rate, 0.9, "mean")


@pytest.mark.parametrize(
    ("variant", "crop"),
    [
        *(("base", 306), ("4x4", 306), ("7x7", 306), ("msc_base", 306)),
        *(("large_fov", 321), ("msc_large_fov", 321)),
    ],
)
def test_deeplab_is_trained_as_in_the_paper(variant: str, crop: int) -> None:
    (recipe,) = stages_of(f"voc_deeplab_{variant}")
    assert (recipe.net, recipe.crop) == (f"deeplab-{variant.replace('_', '-')}", crop)
    assert (recipe.batch_size, recipe.accumulate, recipe.steps, recipe.scale) == (20, 1, 6000, (1, 1))
    assert (recipe.learning_rate, recipe.head_learning_rate) == (0.001, 0.01)
    assert (recipe.head_layers, recipe.optimizer) == (("fc8",), "sgd")
    assert (recipe.momentum, recipe.weight_decay) == (0.9, 5e-4)
    assert (recipe.schedule, recipe.decay_every, recipe.decay_factor) == ("step", 2000, 0.1)
    assert (recipe.train_split, recipe.val_split) == ("train_aug", "val")


@pytest.mark.parametrize("name", recipes.recipe_names())
def test_a_recipe_says_where_it_comes_from_and_what_it_gave(name: str) -> None:
    header = recipes.get_entry(name).header
    assert f"pixelwise train {name}" in header
    assert "Result" in header
    assert "not yet run" in header or "hours" in header or name == "finetune", "what it cost"
    if name in OF_THE_PAPERS:
        assert re.search(r"^Paper: (none|.* (2015|release))", header, re.MULTILINE)
        assert re.search(rf"^Command: pixelwise train {name} --set data=\w+:", header, re.MULTILINE)


@pytest.mark.parametrize("name", recipes.recipe_names())
def test_the_splits_of_a_recipe_are_splits_of_its_data(name: str) -> None:
    for stage in stages_of(name):
        for spec, split in (
            (stage.data, stage.train_split),
            (stage.val_data or stage.data, stage.val_split),
        ):
            kind = spec.partition(":")[0]
            assert split in SPLITS.get(kind, SOURCES[kind].splits)


def test_stages_start_where_the_recipe_before_ends() -> None:
    """A recipe that starts from runs/NAME has a recipe NAME with the same data and classes."""
    started = 0
    for name in recipes.recipe_names():
        recipe = recipes.get_recipe(name)
        if isinstance(recipe, Chain) or recipe.init_from is None:
            continue
        before = recipes.get_recipe(Path(recipe.init_from).name)
        assert isinstance(before, Recipe)
        assert (before.data, before.classes, before.heads) == (recipe.data, recipe.classes, recipe.heads)
        started += 1
    assert started >= 8
