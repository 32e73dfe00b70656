"""What further measures are worth to `default`: short courses of the recipe voc, each changed in one place.

    python experiments/voc_measures.py voc:PATH FOLDER [--measures NAME ...] [--steps 400] [--seed 0]
        [--resnet FILE]

"none": the recipe. "blur": half of the pictures blurred, by up to 1.5 pixels. "auxiliary": a second score on
the features of stride 16, whose loss counts 0.4 (PSPNet, Zhao et al. 2017, section 3.3). "distilled": half of
the loss is the cross entropy with the probabilities of `default`, which learnt ten times as long. "resnet": a
ResNet-50 of half the width as the trunk, with the weights --resnet that resnet_half.py made. Each makes a run
below FOLDER, which goes on if it was stopped. Judged on the val split: 21 classes, single scale, the
running mean of the weights.
"""

import argparse
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import resnet_half  # noqa: F401  its backbone is registered
import torch
from PIL import Image, ImageFilter
from torch import nn
from torch.nn import functional as F

import pixelwise
from pixelwise.core.types import VOID, RGBImage
from pixelwise.data import LabelledImages, open_dataset
from pixelwise.data.sample_files import Picture
from pixelwise.evaluation.metrics.confusion import CONVENTION
from pixelwise.models import registry
from pixelwise.models.nets.skip_fcn import SkipFCN, skip_fcn, skip_level
from pixelwise.training.checkpoint import LAST
from pixelwise.training.losses.registry import register
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.recipe_net import build_net

MEASURES = ("none", "blur", "auxiliary", "distilled", "resnet")
SETTINGS: dict[str, Any] = {"warmup_steps": 40, "ema": 0.99}
MOST_BLUR = 1.5
LIKE_SKIP_FCN = {
    name: value for name, value in vars(registry.entry_of("skip_fcn")).items() if name != "constructor"
}
BESIDE: list[torch.Tensor] = []
"""What a net computed beside its scores in the step under way, for the loss that follows."""


@dataclass(frozen=True)
class Blurred:
    """A picture that is blurred in every second reading, differently each time."""

    picture: Picture
    seed: int
    readings: list[int]

    @property
    def path(self) -> Path:
        return self.picture.path

    def size(self) -> tuple[int, int]:
        return self.picture.size()

    def read(self) -> RGBImage:
        self.readings[0] += 1
        rng = np.random.default_rng([self.seed, self.readings[0]])
        image = self.picture.read()
        if rng.random() < 0.5:
            return image
        blur = ImageFilter.GaussianBlur(float(rng.uniform(0, MOST_BLUR)))
        return np.array(Image.fromarray(image).filter(blur))


def blurred(data: LabelledImages) -> LabelledImages:
    """The same pictures, blurred in training."""
    entries = tuple(
        replace(entry, image=Blurred(entry.image, zlib.crc32(entry.id.encode()), [0]))  # type: ignore[arg-type]
        for entry in data.entries
    )
    return replace(data, entries=entries)


class WithAuxiliary(nn.Module):
    """Scores on the features of stride 16, in training only."""

    def __init__(self, net: SkipFCN, classes: int) -> None:
        super().__init__()
        self.level = skip_level(net.backbone.levels, 16)
        width = 128
        self.layers = nn.Sequential(
            nn.Conv2d(self.level.channels, width, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Dropout2d(0.1),
            nn.Conv2d(width, classes, 1),
        )

    def forward(self, features: dict[int, torch.Tensor]) -> torch.Tensor:
        scores: torch.Tensor = self.layers(features[self.level.index])
        return scores


@registry.register("skip_fcn_auxiliary", **LIKE_SKIP_FCN)
def with_auxiliary(**arguments: Any) -> SkipFCN:
    """skip_fcn with an auxiliary score."""
    net = skip_fcn(**arguments)
    net.add_module("auxiliary", auxiliary := WithAuxiliary(net, arguments["classes"]))

    def keep(module: nn.Module, _: Any, features: Any) -> None:
        if module.training:
            BESIDE[:] = [auxiliary(features)]

    net.backbone.register_forward_hook(keep)
    return net


@register("auxiliary")
def auxiliary_loss(scores: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """The cross entropy of the auxiliary scores, enlarged to the size of the labels."""
    large = F.interpolate(BESIDE.pop(), labels.shape[-2:], mode="bilinear", align_corners=False)
    return F.cross_entropy(large.float(), labels.long(), weights, ignore_index=VOID, reduction="sum")


@registry.register("skip_fcn_taught", **LIKE_SKIP_FCN)
def taught(**arguments: Any) -> SkipFCN:
    """skip_fcn beside `default`, which scores the same crops."""
    net = skip_fcn(**arguments)
    start = Recipe("teacher", "d").override(["init_from=default", "backbone_weights=none"])
    teacher = build_net(start, arguments["classes"]).eval()

    def keep(module: nn.Module, images: Any, _: Any) -> None:
        if module.training:
            with torch.no_grad():
                BESIDE[:] = [teacher(*images)]

    net.register_forward_hook(keep)
    return net


@register("distilled")
def distilled(scores: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """The cross entropy with the teacher's probabilities, on pixels that have a label."""
    found = -(BESIDE.pop().softmax(1) * scores.float().log_softmax(1)).sum(1)
    return found[labels != VOID].sum()


CHANGES: dict[str, dict[str, Any]] = {
    "none": {},
    "blur": {},
    "auxiliary": {"net": "skip_fcn_auxiliary", "losses": "cross_entropy+0.4*auxiliary"},
    "distilled": {"net": "skip_fcn_taught", "losses": "0.5*cross_entropy+0.5*distilled"},
    # Frozen up to stride 4, as the recipe's trunk is. Higher rates lose most of what the trunk has learnt.
    "resnet": {"backbone": "resnet50_half", "freeze_stages": 1, "learning_rate": 1e-5},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--measures", nargs="+", choices=MEASURES, default=MEASURES[:-1])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resnet", type=Path, help="weights for the measure resnet")
    given = parser.parse_args()
    if "resnet" in given.measures and given.resnet is None:
        parser.error("the measure resnet needs weights: --resnet FILE")
    CHANGES["resnet"]["backbone_weights"] = str(given.resnet)
    val = open_dataset(given.data, "val")
    for measure in given.measures:
        train = open_dataset(given.data, "train")
        run = given.folder / (measure if given.seed == 0 else f"{measure}_seed{given.seed}")
        lengths = {"steps": given.steps, "evaluate_every": given.steps, "seed": given.seed}
        settings = {**SETTINGS, **CHANGES[measure], **lengths}
        learnt = pixelwise.train(
            "voc",
            blurred(train) if measure == "blur" else train,
            val,
            run,
            resume=(run / LAST).exists(),
            **settings,
        )
        print(f"{measure:10} mean IoU {100 * learnt.history[-1]['mean_iou']:.1f} %", flush=True)
    print(
        f"{len(val)} images, single scale, {given.steps} steps, seed {given.seed}. Convention: {CONVENTION}."
    )


if __name__ == "__main__":
    main()
