"""Choose the training precision if the recipe says "auto"."""

import dataclasses
import time
from contextlib import nullcontext

import torch

from pixelwise.cpu.training import for_training
from pixelwise.training.distributed import processes
from pixelwise.training.losses.cross_entropy import cross_entropy
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.recipe_net import build_net

FULL, HALF = "float32", "bfloat16"
SIDE = 161
"""Side of the picture that steps are timed on, pixels."""
GAIN = 1.2
"""bfloat16 is chosen if it is at least this many times as fast as float32, because it rounds more."""


def precision(recipe: Recipe) -> str:
    """The recipe's precision. "auto" is bfloat16 where it is faster, else float32.

    On CUDA it is faster if the GPU has bfloat16. On a CPU one step of the net is timed in both, which takes
    about a second. Several processes use float32, since their measurements might differ.
    """
    if recipe.precision != "auto":
        return recipe.precision
    if recipe.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return HALF if torch.cuda.is_bf16_supported() else FULL
    if recipe.accelerator not in ("auto", "cpu") or processes.count() > 1:
        return FULL
    full, half = (step_seconds(recipe, name) for name in (FULL, HALF))
    return HALF if full > GAIN * half else FULL


def step_seconds(recipe: Recipe, name: str) -> float:
    """Seconds of a training step of the recipe's net, with random weights, on one picture on the CPU in this
    precision: the faster of two steps after a warm-up. torch's random generator keeps its state.
    """
    with torch.random.fork_rng(devices=[]):
        plain = dataclasses.replace(recipe, inputs=("image",), heads=(), init_from=None, crf_layer=None)
        net = build_net(plain, 21, trained=False)
        net = for_training(net, torch.device("cpu")).train()
        image = torch.zeros(1, 3, SIDE, SIDE).contiguous(memory_format=torch.channels_last)
        labels = net.sampled(torch.zeros(1, SIDE, SIDE, dtype=torch.uint8))
        return min([_step(net, image, labels, name) for _ in range(3)][1:])


def _step(net: torch.nn.Module, image: torch.Tensor, labels: torch.Tensor, name: str) -> float:
    began = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16) if name == HALF else nullcontext():
        scores = net(image)
    torch.autograd.backward(cross_entropy(scores.float(), labels))
    net.zero_grad()
    return time.perf_counter() - began
