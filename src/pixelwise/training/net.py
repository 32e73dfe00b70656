"""The net a recipe asks for, new or from a run's checkpoint."""

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from pixelwise import __version__
from pixelwise.crf.presets import PRESETS as CRF_PRESETS
from pixelwise.data.spec import without_folders
from pixelwise.errors import TrainingError
from pixelwise.inference.model_file import ModelInfo
from pixelwise.labels import Classes
from pixelwise.models.fcn import HHA_MEAN
from pixelwise.models.imagenet import load_imagenet_for_hha
from pixelwise.models.registry import create, entry_of
from pixelwise.models.segmentation_net import OneHead, SegmentationNet
from pixelwise.models.transplant import transplant
from pixelwise.models.weights import read_imported
from pixelwise.training import checkpoint
from pixelwise.training.crf_layer import add_crf
from pixelwise.training.recipe import Recipe
from pixelwise.types import IMAGE


def build_net(recipe: Recipe, classes: int, trained: bool = True, channels: int = 3) -> SegmentationNet:
    """A new net with the weights that the recipe starts from; random ones unless `trained`.

    `channels`: of the recipe's inputs. Raises TrainingError if the net cannot take so many.
    """
    net = _net_of(recipe, classes, recipe.backbone_weights if trained else "none", channels)
    if recipe.crf_layer is not None:
        add_crf(net, classes, CRF_PRESETS[recipe.crf_layer])
    if trained and recipe.init_from is not None:
        before = _weights(Path(recipe.init_from))
        print(f"from {recipe.init_from}: {transplant(before, net)}", file=sys.stderr)
    net.freeze(recipe.freeze_stages)
    return net.to(memory_format=torch.channels_last)


def _weights(source: Path) -> Mapping[str, torch.Tensor]:
    """Those of a run folder's net, or of a file that `pixelwise import-caffe` wrote."""
    if source.suffix != ".safetensors":
        return checkpoint.load(checkpoint.chosen(source)).mean
    tensors = read_imported(source)
    if tensors is None:
        raise TrainingError(
            f"{source} holds weights, but not a net that import-caffe wrote",
            "name a run folder, or give weights of a classifier as backbone_weights",
        )
    return tensors


def _net_of(recipe: Recipe, classes: int, weights: str, channels: int) -> SegmentationNet:
    entry = entry_of(recipe.net)
    if channels not in entry.channels:
        raise TrainingError(
            f"{recipe.net} takes {', '.join(map(str, entry.channels))} channels, "
            f"but {' and '.join(recipe.inputs)} have {channels}",
            "set inputs to image, image,depth, hha or, for FCN, image,hha",
        )
    settings = {field: getattr(recipe, field) for field in entry.settings}
    of_hha = recipe.inputs == ("hha",)
    try:
        net = create(recipe.net, classes, None if of_hha else weights, channels, **settings)
    except ValueError as problem:
        raise TrainingError(
            f"the net cannot be built: {problem}", "take other skips, another backbone, or batch_norm=train"
        ) from None
    if of_hha:
        net.mean.copy_(torch.tensor(HHA_MEAN).view(1, 3, 1, 1))
        if weights != "none":
            load_imagenet_for_hha(net, weights)
    return net


def load_run(run: Path, head: str | None = None) -> tuple[SegmentationNet, ModelInfo]:
    """The net of a run folder, in evaluation mode with its running-mean weights, and what it says of
    itself: the best one by mean IoU, or the last if none was judged. `head`: of several, by default the main
    one.
    """
    if not run.is_dir():
        raise TrainingError(f"{run} is no run folder", "name the folder that `pixelwise train --output` made")
    state = checkpoint.load(checkpoint.chosen(run))
    recipe, classes = Recipe.from_dict(state.recipe), classes_from(state.classes)
    heads = {name: classes_from(content) for name, content in state.heads.items()}
    known = tuple(heads) or recipe.heads
    if head is not None and head not in known:
        raise TrainingError(
            f"{run} has no head {head}", f"there are {', '.join(known)}" if known else "it has one head only"
        )
    head = head or next(iter(known), None)
    size = sum(map(len, heads.values())) or len(classes)
    net = build_net(recipe, size, trained=False, channels=state.channels)
    net.load_state_dict(state.mean)
    if heads and head is not None:
        net, classes = OneHead(net, {name: len(own) for name, own in heads.items()}, head), heads[head]
    preprocessing = {
        "input": "uint8 RGB, N H W 3; the graph computes (x - mean) / std"
        if recipe.inputs == (IMAGE,)
        else f"{' and '.join(recipe.inputs)} side by side; the net computes (x - mean) / std",
        "mean": net.mean.flatten().tolist(),
        "std": net.std.flatten().tolist(),
    }
    record = {
        "recipe": {**dataclasses.asdict(recipe), **_without_places(recipe)},
        "head": head,
        "steps": state.step,
        "hours": round(state.seconds / 3600, 2),
        "val": state.history[-1] if state.history else None,
        "pixelwise": __version__,
        "torch": torch.__version__,
    }
    info = ModelInfo(recipe.name, classes, recipe.long_side, preprocessing, record, recipe.enlarge)
    return net.eval(), info


def _without_places(recipe: Recipe) -> dict[str, str]:
    """The fields that say where data and files lay on the training machine, which is nobody's business."""
    specs = {"data": recipe.data, "val_data": recipe.val_data}
    paths = {"backbone_weights": recipe.backbone_weights, "init_from": recipe.init_from}
    return {
        **{field: without_folders(spec) for field, spec in specs.items() if spec is not None},
        **{field: Path(path).name for field, path in paths.items() if path is not None},
    }


def classes_as_data(classes: Classes) -> dict[str, Any]:
    return {"names": list(classes.names), "palette": [list(colour) for colour in classes.palette]}


def classes_from(content: dict[str, Any]) -> Classes:
    palette = tuple((red, green, blue) for red, green, blue in content["palette"])
    return Classes.named(content["names"], palette)
