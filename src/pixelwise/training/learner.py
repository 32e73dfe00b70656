"""The training step: net, optimizer, moving average and loss."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pixelwise.core.errors import TrainingError
from pixelwise.core.types import VOID
from pixelwise.cpu.training import for_training
from pixelwise.models.nets.segmentation_net import by_head
from pixelwise.training.checkpoint import Checkpoint
from pixelwise.training.distributed.processes import summed
from pixelwise.training.distributed.unused_parameters import unused_parameters
from pixelwise.training.losses.balancing import sampled_by_class
from pixelwise.training.losses.cell_sampling import LossSampling
from pixelwise.training.losses.image_labels import ESTIMATES
from pixelwise.training.losses.labelled_pixels import among, labelled
from pixelwise.training.losses.registry import total_loss
from pixelwise.training.optimizer import RunningMean, make_optimizer, schedule, set_rates
from pixelwise.training.recipe import Recipe
from pixelwise.training.sampling.batches import Batch
from pixelwise.training.setup.band_statistics import BandStatistics
from pixelwise.training.setup.recipe_net import build_net

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class NotFiniteError(TrainingError):
    """The loss of a step is infinite or not a number; the step did not change the net."""


class Learner:
    """The net, its optimizer and the moving average of its weights. If it is `new`, it has the recipe's
    initial weights; otherwise the caller must call `restore`.

    `heads` counts the classes by head. `weights` (C) by head multiply the losses of classes.
    `channels`: of the recipe's inputs. `statistics`: of the bands, for a new net.
    """

    def __init__(
        self,
        fabric: "Fabric",
        recipe: Recipe,
        heads: Mapping[str, int],
        weights: Mapping[str, torch.Tensor],
        channels: int,
        new: bool,
        statistics: BandStatistics | None = None,
    ) -> None:
        self.fabric, self.recipe, self.heads = fabric, recipe, heads
        torch.manual_seed(recipe.seed)
        net = build_net(recipe, sum(heads.values()), new, channels, statistics)
        self.net = for_training(net, fabric.device)
        example = torch.zeros(_example_size(recipe, channels))
        unused = unused_parameters(self.net, example) if fabric.world_size > 1 else []
        if recipe.batch_norm == "sync":
            _synchronise(self.net, fabric)
        optimizer = make_optimizer(self.net, recipe)
        for name in unused:  # the optimizer keeps them, as that of a single process does
            self.net.get_parameter(name).requires_grad_(False)
        self._model, self._optimizer = fabric.setup(self.net, optimizer)
        by_sampling = recipe.balance_by == "sampling"
        self._chances = weights if by_sampling else {}
        self._weights = {} if by_sampling else {n: weight.to(fabric.device) for n, weight in weights.items()}
        self._estimate = None if recipe.image_labels is None else ESTIMATES[recipe.image_labels]
        self._loss = total_loss(recipe.losses)
        self._sampling = LossSampling(recipe.loss_sampling)
        self.mean = RunningMean(self.net, recipe.ema)
        self._model.train()

    def restore(self, state: Checkpoint) -> None:
        """Restore the state from a checkpoint. Raises various exceptions if it does not fit."""
        self.net.load_state_dict(state.net)
        self.mean.load(state.mean)
        self._optimizer.load_state_dict(state.optimizer)
        for group in self._optimizer.param_groups:
            group["peak_lr"] = float(group["peak_lr"])
            for parameter in group["params"]:
                for moment in self._optimizer.state.get(parameter, {}).values():
                    if isinstance(moment, torch.Tensor) and moment.shape not in ((), parameter.shape):
                        raise ValueError(f"a moment of {moment.shape} for a parameter of {parameter.shape}")
        self.fabric.strategy.precision.load_state_dict(state.scaler)

    @property
    def rate(self) -> float:
        """The learning rate of the first group of parameters."""
        return float(self._optimizer.param_groups[0]["lr"])

    def state(self) -> dict[str, Any]:
        """The state for a checkpoint."""
        return {
            "net": self.net.state_dict(),
            "mean": self.mean.tensors,
            "optimizer": self._optimizer.state_dict(),
            "scaler": self.fabric.strategy.precision.state_dict(),
        }

    def step(self, step: int, parts: Sequence[Batch]) -> float:
        """Train on the batches of step `step` (the first is 0), joined with those of all other processes into
        one; returns the loss in nats.

        All randomness of the step depends on seed, step and process only. Raises NotFiniteError before
        anything has changed.
        """
        numbers = np.random.SeedSequence([self.recipe.seed, step, self.fabric.global_rank])
        torch.manual_seed(int(numbers.generate_state(1, np.uint64)[0]))
        targets = [self._targets(part) for part in parts]
        pixels = self._divisors(targets)
        self._optimizer.zero_grad()
        total = torch.zeros((), device=self.fabric.device)
        for number, (part, target) in enumerate(zip(parts, targets, strict=True), start=1):
            with self.fabric.no_backward_sync(self._model, enabled=number < len(parts)):
                images = part.images.to(self.fabric.device).contiguous(memory_format=torch.channels_last)
                scores = self._model(images)
                loss = torch.zeros((), device=self.fabric.device)
                for place, (name, own) in enumerate(by_head(scores, self.heads).items()):
                    if self._estimate is not None:
                        shown = part.present.to(self.fabric.device)
                        inside = target[name] != VOID
                        estimated = self._estimate(own.detach().float(), shown, inside)
                        target[name] = torch.where(inside, estimated.to(target[name].dtype), VOID)
                    if place == 0:
                        own = among(own, part.labelled.to(self.fabric.device))
                    total_of_head = self._loss(own, target[name], self._weights.get(name))
                    loss = loss + total_of_head / pixels[name]
                # Gradients are averaged over processes, but the loss is a sum.
                self.fabric.backward(loss * self.fabric.world_size)
            total += loss.detach()
        value = float(summed(self.fabric, total).item())
        if not math.isfinite(value):
            raise NotFiniteError(f"the loss of step {step + 1} is {value}")
        if self.recipe.clip:
            self.fabric.clip_gradients(
                self._model, self._optimizer, max_norm=self.recipe.clip, error_if_nonfinite=False
            )
        # Not before: a failed step must leave the rate of the last one, which the momentum depends on.
        set_rates(self._optimizer, schedule(step, self.recipe))
        self._optimizer.step()
        self.mean.update(self.net, step)
        return value

    def _targets(self, part: Batch) -> dict[str, torch.Tensor]:
        """The target labels by head."""
        net = self.net
        cell = net.score_stride // net.label_stride
        centre = (net.score_offset - net.label_offset) / net.label_stride
        targets = {}
        for name in self.heads:
            labels = self._sampling(net.sampled(part.heads[name]), cell, centre)
            if name in self._chances:
                labels = sampled_by_class(labels, self._chances[name])
            targets[name] = labels.to(self.fabric.device)
        return targets

    def _divisors(self, targets: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor | float]:
        """What each head's sum of losses is divided by: the labelled pixels of the whole step, or 1."""
        if self.recipe.loss == "sum":
            return dict.fromkeys(self.heads, 1.0)
        counts = [torch.stack([labelled(target[name]) for target in targets]).sum() for name in self.heads]
        pixels = summed(self.fabric, torch.stack(counts)).clamp(min=1)
        return dict(zip(self.heads, pixels.unbind(), strict=True))


def _example_size(recipe: Recipe, channels: int) -> tuple[int, int, int, int]:
    """The shape of a small batch, (N, K, H, W)."""
    whole = recipe.long_side, max(1, 3 * recipe.long_side // 4)
    return min(2, recipe.batch_size), channels, *((recipe.crop, recipe.crop) if recipe.crop else whole)


def _synchronise(net: torch.nn.Module, fabric: "Fabric") -> None:
    """Make the net's batch normalisations compute statistics over all processes."""
    if fabric.device.type != "cuda":
        raise TrainingError(
            f"batch_norm=sync needs GPUs, this is a {fabric.device.type}", "use batch_norm=frozen or train"
        )
    from timm.layers import convert_sync_batchnorm

    convert_sync_batchnorm(net)
