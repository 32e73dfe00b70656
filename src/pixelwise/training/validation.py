"""Evaluate the net of a run on its val split; each process takes a part of the split."""

import math
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import torch
from PIL.Image import Image

from pixelwise.core.pictures.bands import BandForm
from pixelwise.cpu.training import for_training
from pixelwise.data import LabelledImages
from pixelwise.evaluation.evaluation import Evaluation, conclude, count, expect_fit
from pixelwise.evaluation.metrics.confusion import Counts
from pixelwise.inference.engines.torch import TorchEngine
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.predictor import Predictor
from pixelwise.models.nets.segmentation_net import OneHead
from pixelwise.training.distributed.processes import results, share_statistics
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.recipe_net import build_net

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_SHOWN = 4
_DETAILS = ("log_loss",)


def _figures_of(evaluation: Evaluation) -> dict[str, float]:
    log_loss = evaluation.details.log_loss
    loss = {} if log_loss is None else {"loss": log_loss.mean()}
    ious = zip(evaluation.classes.names, Counts.of(evaluation.confusion).iou().tolist(), strict=True)
    per_class = {f"iou/{name}": iou for name, iou in ious if not math.isnan(iou)}
    return {**evaluation.summary(), **loss, **per_class}


class Judge:
    """A net of the recipe that is loaded with the weights to evaluate, and a predictor for each head."""

    def __init__(
        self,
        fabric: "Fabric",
        recipe: Recipe,
        val_set: LabelledImages,
        channels: int,
        bands: BandForm | None = None,
    ) -> None:
        self._fabric, self._val_set = fabric, val_set
        sizes = val_set.sizes
        net = build_net(recipe, sum(sizes.values()), trained=False, channels=channels)
        self._net = for_training(net, fabric.device).to(fabric.device).eval()
        self._predictors = {}
        for head, class_map in val_set.heads.items():
            part = self._net if len(sizes) == 1 else OneHead(self._net, sizes, head)
            info = ModelInfo(
                recipe.name,
                class_map.classes,
                recipe.long_side,
                enlarge=recipe.enlarge,
                inputs=recipe.inputs,
                bands=bands,
            )
            self._predictors[head] = Predictor(TorchEngine(part.eval()), info)

    def __call__(self, weights: Mapping[str, torch.Tensor]) -> dict[str, float]:
        """The four metrics in [0, 1] on the whole split, iou/CLASS of each class that is there, and the loss
        (mean cross entropy in nats), equal on every process. Those of the main head have these names, those
        of others HEAD/NAME. If one process cannot read a picture, every process raises the error.
        """
        self._net.load_state_dict(weights)
        share_statistics(self._fabric, self._net)
        figures: dict[str, float] = {}
        for place, (head, predictor) in enumerate(self._predictors.items()):
            whole = self._val_set.with_head(head)
            own = whole.part(self._fabric.global_rank, self._fabric.world_size)
            expect_fit(predictor, whole, _DETAILS)
            parts = results(self._fabric, partial(count, predictor, own, details=_DETAILS))
            before = f"{head}/" if place else ""
            found = _figures_of(conclude(whole, parts))
            figures |= {f"{before}{name}": value for name, value in found.items()}
        return figures

    def overlays(self) -> list[Image]:
        """The first pictures of the split with the main head's labels, by the weights evaluated last."""
        predictor = next(iter(self._predictors.values()))
        shown = range(min(_SHOWN, len(self._val_set)))
        samples = (self._val_set.read(index) for index in shown)
        return [predictor(sample.stacked(predictor.inputs)).overlay() for sample in samples]
