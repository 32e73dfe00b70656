"""Evaluate the net of a run on its val split; each process takes a part of the split."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import torch
from PIL.Image import Image

from pixelwise.cpu.training import for_training
from pixelwise.data import LabelledImages
from pixelwise.evaluation.evaluation import evaluate
from pixelwise.inference.engines.engines import TorchEngine
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.predictor import Predictor
from pixelwise.models.nets.segmentation_net import OneHead
from pixelwise.training.distributed.processes import results, share_statistics
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.recipe_net import build_net

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_SHOWN = 4


class Judge:
    """A net of the recipe that is loaded with the weights to evaluate, and a predictor for each head."""

    def __init__(self, fabric: "Fabric", recipe: Recipe, val_set: LabelledImages, channels: int) -> None:
        self._fabric, self._val_set = fabric, val_set
        sizes = val_set.sizes
        net = build_net(recipe, sum(sizes.values()), trained=False, channels=channels)
        self._net = for_training(net, fabric.device).to(fabric.device).eval()
        self._predictors = {}
        for head, class_map in val_set.heads.items():
            part = self._net if len(sizes) == 1 else OneHead(self._net, sizes, head)
            info = ModelInfo(recipe.name, class_map.classes, recipe.long_side, enlarge=recipe.enlarge)
            self._predictors[head] = Predictor(TorchEngine(part.eval()), info, inputs=recipe.inputs)

    def __call__(self, weights: Mapping[str, torch.Tensor]) -> dict[str, float]:
        """The four metrics in [0, 1] on the whole split, the same in every process: those of the main head by
        name, those of others as HEAD/NAME. If one process cannot read a picture, all of them raise the error.
        """
        self._net.load_state_dict(weights)
        share_statistics(self._fabric, self._net)
        figures: dict[str, float] = {}
        own = self._val_set.part(self._fabric.global_rank, self._fabric.world_size)
        for place, (head, predictor) in enumerate(self._predictors.items()):
            first, *others = results(self._fabric, partial(evaluate, predictor, own.with_head(head)))
            for other in others:
                first.merge(other)
            before = f"{head}/" if place else ""
            figures |= {f"{before}{name}": value for name, value in first.summary().items()}
        return figures

    def overlays(self) -> list[Image]:
        """The first pictures of the split with the main head's labels, by the weights evaluated last."""
        predictor = next(iter(self._predictors.values()))
        shown = range(min(_SHOWN, len(self._val_set)))
        samples = (self._val_set.read(index) for index in shown)
        return [predictor(sample.stacked(predictor.inputs)).overlay() for sample in samples]
