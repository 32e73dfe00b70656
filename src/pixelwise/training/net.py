"""The net a recipe asks for, new or from a run's checkpoint."""

from pathlib import Path
from typing import Any

import torch

from pixelwise import __version__
from pixelwise.errors import TrainingError
from pixelwise.inference.model_file import ModelInfo
from pixelwise.labels import Classes
from pixelwise.models.backbones import backbone
from pixelwise.models.batch_norm import freeze_batch_norm
from pixelwise.models.skip_fcn import Head, SkipFCN
from pixelwise.training import checkpoint
from pixelwise.training.recipe import Recipe


def build_net(recipe: Recipe, classes: int, weights: str | None = None) -> SkipFCN:
    """A new net; `weights` overrides the recipe's `backbone_weights`."""
    trunk = backbone(recipe.backbone, weights or recipe.backbone_weights, recipe.output_stride)
    head = Head(recipe.skips, recipe.context, recipe.rates, recipe.hidden, recipe.dropout, recipe.upsampling)
    net = SkipFCN(trunk, classes, head)
    if recipe.batch_norm == "frozen":
        freeze_batch_norm(net, torch.zeros(1, 3, 65, 65))
    trunk.freeze(recipe.freeze_stages)
    return net.to(memory_format=torch.channels_last)


def load_run(run: Path) -> tuple[SkipFCN, ModelInfo]:
    """The net of a run folder, in evaluation mode with its running-mean weights, and what it says of
    itself.
    """
    if not run.is_dir():
        raise TrainingError(f"{run} is no run folder", "name the folder that `pixelwise train --output` made")
    state = checkpoint.load(run / checkpoint.LAST)
    recipe, classes = Recipe.from_dict(state.recipe), classes_from(state.classes)
    net = build_net(recipe, len(classes), weights="none")
    net.load_state_dict(state.mean)
    preprocessing = {
        "input": "uint8 RGB, N H W 3; the graph computes (x - mean) / std",
        "mean": net.mean.flatten().tolist(),
        "std": net.std.flatten().tolist(),
    }
    record = {
        # Where the data lay on the training machine is nobody's business.
        "recipe": {**state.recipe, "data": _without_place(recipe.data)},
        "steps": state.step,
        "hours": round(state.seconds / 3600, 2),
        "val": state.history[-1] if state.history else None,
        "pixelwise": __version__,
        "torch": torch.__version__,
    }
    return net.eval(), ModelInfo(recipe.name, classes, recipe.long_side, preprocessing, record)


def _without_place(spec: str) -> str:
    kind, _, path = spec.partition(":")
    return f"{kind}:{Path(path).name}"


def classes_as_data(classes: Classes) -> dict[str, Any]:
    return {"names": list(classes.names), "palette": [list(colour) for colour in classes.palette]}


def classes_from(content: dict[str, Any]) -> Classes:
    palette = tuple((red, green, blue) for red, green, blue in content["palette"])
    return Classes.named(content["names"], palette)
