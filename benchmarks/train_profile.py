"""Where the time of a training step goes, by kind of operation, in float32 and bfloat16.

    python benchmarks/train_profile.py [--net voc] [--crop 321] [--steps 5]

Profiles what `benchmarks/train.py` times as ours, in this process, with torch's profiler. Shares are of the
time that operations take themselves, without those they call.
"""

import argparse
import dataclasses
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile
from train import RECIPES, Crops, generated, ours

from pixelwise.core.threads import spin_briefly
from pixelwise.data import open_dataset
from pixelwise.training.recipe import Recipe
from pixelwise.training.sampling.batches import augmentation

KINDS = {
    "gradients of depthwise weights": ("depthwisebackward",),
    "other gradients of convolutions": ("convolution_backward", "convolutionbackward"),
    "convolutions": ("convolution",),
    "the loss and its gradient": ("crossentropy",),
    "activations and their gradients": ("hardtanh", "threshold", "clamp", "relu"),
    "reading and varying crops": ("dataloader", "upsample_bilinear2d_aa"),
    "copies, number formats": ("copy_", "clone", "fill_", "zero_"),
    "the optimizer, the running mean": ("adamw", "lerp_"),
}
"""What the names of operations contain, the first that fits counts."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", choices=RECIPES, default="voc")
    parser.add_argument("--crop", type=int, default=321)
    parser.add_argument("--steps", type=int, default=5)
    options = parser.parse_args()
    spin_briefly()
    recipe = dataclasses.replace(
        RECIPES[options.net], crop=options.crop, backbone_weights="none", init_from=None, steps=10**6
    )
    formats = ["float32"] + ["bfloat16"] * torch.cpu._is_avx512_bf16_supported()
    with tempfile.TemporaryDirectory() as scratch:
        crops = Crops(open_dataset(generated(Path(scratch)), "train"), augmentation(recipe))
        shares = {
            name: shares_of(dataclasses.replace(recipe, precision=name), crops, options.steps)
            for name in formats
        }
    print(f"| {options.net}, crops of {options.crop} | {' | '.join(formats)} |\n|---|{'---|' * len(formats)}")
    for kind in (*KINDS, "other operations", "milliseconds a picture"):
        form = "{:.0f}" if kind.startswith("milli") else "{:.0%}"
        print(f"| {kind} | {' | '.join(form.format(shares[name][kind]) for name in formats)} |")


def shares_of(recipe: Recipe, crops: Crops, steps: int) -> dict[str, float]:
    """The share of each kind in the time of `steps` steps, and the wall time of a picture in milliseconds."""
    torch.manual_seed(0)
    step = ours(recipe, crops)
    step()
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        start = time.perf_counter()
        for _ in range(steps):
            step()
        seconds = time.perf_counter() - start
    spent: dict[str, float] = defaultdict(float)
    for event in seen.key_averages():
        spent[kind_of(event.key)] += event.self_cpu_time_total
    total = sum(spent.values())
    shares = defaultdict(float, {kind: own / total for kind, own in spent.items()})
    shares["milliseconds a picture"] = 1000 * seconds / steps / recipe.batch_size
    return shares


def kind_of(operation: str) -> str:
    """The kind of an operation of torch or of ours."""
    name = operation.lower()
    return next(
        (kind for kind, parts in KINDS.items() if any(part in name for part in parts)), "other operations"
    )


if __name__ == "__main__":
    main()
