"""The dense CRF of dense_crf.py in torch: on any device, for a batch of pictures, and differentiable.

There are gradients for the unary, the kernels' weights and the compatibility, but not for the widths (theta)
and the images: the lattice is not continuous in the features. Sources: Krähenbühl and Koltun 2011, the model;
Zheng et al., "Conditional random fields as recurrent neural networks", 2015, training through it.
"""

import functools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pixelwise.crf import dense_crf
from pixelwise.crf.potentials import MAX_DIMENSIONS, Features, Kernel
from pixelwise.crf.presets import DENSECRF, Preset, load_preset
from pixelwise.crf.torch_lattice import Lattice

MAX_PIXELS = (2**31 - 1) // (MAX_DIMENSIONS + 1)
"""With more pixels, 32 bits cannot number the corners of all of them."""


def mean_field(
    unary: Tensor,
    kernels: Sequence[Sequence[Kernel]],
    *,
    weights: Tensor | None = None,
    compatibility: Tensor | None = None,
    iterations: int = 10,
    log: bool = False,
) -> Tensor:
    """Probabilities Q of a batch of pictures, or log Q, with unary's shape; float64 if unary is, else
    float32.

    unary: (N, C, *shape) energies, where shape has 1 to 3 axes. kernels: one sequence per picture, all of the
    same length. weights: None for those of the kernels; (K,), to replace them; or (K, C), a weight for each
    kernel and class. compatibility: None, (C,) or (C, C), as in dense_crf.mean_field.

    On the CPU, float32 without a gradient is computed by dense_crf, which is faster; its log Q is at least
    that of the smallest float, -87.3. Raises ValueError for arguments that do not fit together and for a
    unary that is not finite.
    """
    if unary.dtype in (torch.float16, torch.bfloat16):
        unary = unary.float()
    _check(unary, kernels, weights, compatibility, iterations)
    given = [tensor for tensor in (unary, weights, compatibility) if tensor is not None]
    differentiable = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in given)
    if unary.device.type == "cpu" and unary.dtype == torch.float32 and not differentiable:
        q = _by_core(unary, kernels, weights, compatibility, iterations)
        return q.clamp(min=float(np.finfo(np.float32).tiny)).log() if log else q
    if not bool(unary.isfinite().all()):
        raise ValueError("the unary must be finite; keep probabilities above 0 before their logarithm")
    if unary.shape[1] == 1:
        for energies in unary.detach().cpu().numpy():
            dense_crf.check_single_label(energies)

    # The lattice of a kernel that several pictures share, such as a batch's Gaussian, is built once.
    uses = Counter(id(kernel) for own in kernels for kernel in own)
    shared: dict[int, Lattice] = {}
    refined = []
    for energies, own in zip(unary, kernels, strict=True):
        lattices = []
        for number, kernel in enumerate(own):
            lattice = shared.get(id(kernel)) or _lattice(kernel, number, energies)
            if uses[id(kernel)] > 1:
                shared[id(kernel)] = lattice
            lattices.append(lattice)
        gains = _gains(_weights(own, weights, energies), compatibility, len(energies))
        steps = iterations if lattices else 0  # it would change nothing
        logits = _Iterations.apply(energies.flatten(1).T.contiguous(), gains, lattices, steps)
        q = logits.log_softmax(1) if log else logits.softmax(1)
        refined.append(q.T.reshape(energies.shape))
    return torch.stack(refined)


def refined_on(
    device: str, unary: npt.NDArray[np.float32], kernels: Sequence[Kernel], iterations: int
) -> npt.NDArray[np.float32]:
    """Probabilities (C, *shape) of one picture, computed on a device. Raises LatticeTooLarge if its memory
    does not suffice.
    """
    try:
        with torch.inference_mode():
            energies = torch.from_numpy(np.ascontiguousarray(unary)).to(device)
            q = mean_field(energies[None], [kernels], iterations=iterations)[0]
            refined: npt.NDArray[np.float32] = q.cpu().numpy()
    except torch.cuda.OutOfMemoryError as problem:
        torch.cuda.empty_cache()
        raise dense_crf.LatticeTooLarge(str(problem)) from None
    return refined


class CRFLayer(nn.Module):
    """The dense CRF as the last layer of a net: from scores (N, C, H, W) to log Q of the same shape.

    log Q are log-probabilities: for nll_loss, or for cross_entropy, whose softmax does not change them. The
    layer trains `weights` (2, C), of the Gaussian and the bilateral kernel for each class, which start with
    the preset's values, and `compatibility` (C, C), which starts as the Potts model. Nothing keeps them
    positive or symmetric. All this is as in Zheng et al. 2015, who train with 5 iterations and test with 10:
    set `iterations` in between.
    """

    def __init__(self, classes: int, preset: Preset | str | Path = DENSECRF, iterations: int = 5) -> None:
        super().__init__()
        self.preset = preset = load_preset(preset)
        self.iterations = iterations
        self.weights = nn.Parameter(torch.tensor([[preset.w2], [preset.w1]]).repeat(1, classes).float())
        self.compatibility = nn.Parameter(1 - torch.eye(classes))

    def forward(self, scores: Tensor, images: Tensor) -> Tensor:
        """images: (N, channels, H, W) in the units of the preset's theta_beta: grey levels from 0 to 255,
        before a net's normalisation."""
        if scores.ndim != 4 or images.ndim != 4 or len(scores) != len(images) or scores.numel() == 0:
            raise ValueError(
                "scores must be (N, classes, height, width) and images (N, channels, height, width), with "
                f"something in them; got {tuple(scores.shape)} and {tuple(images.shape)}"
            )
        if scores.shape[2:] != images.shape[2:]:
            raise ValueError(
                f"scores are {tuple(scores.shape[2:])} pixels in size and images {tuple(images.shape[2:])}; "
                "resample the scores first"
            )
        pixels = images.detach().movedim(1, 3).cpu()
        pictures = (pixels.float() if pixels.is_floating_point() else pixels).numpy()
        kernels = [self.preset.kernels(picture) for picture in pictures]
        gaussian = kernels[0][0]
        return mean_field(
            -scores,
            [(gaussian, bilateral) for _, bilateral in kernels],
            weights=self.weights,
            compatibility=self.compatibility,
            iterations=self.iterations,
            log=True,
        )


class _Iterations(torch.autograd.Function):
    """Logits (P, C) after the iterations, from energies (P, C) and gains (K, C, C) of P pixels.

    Each iteration keeps the blurred rows of the vertices, usually far fewer than there are pixels; the
    backward pass computes the probabilities from them again. Source of the filter's transpose: Krähenbühl and
    Koltun, "Parameter learning and convergent inference for dense random fields", 2013.
    """

    @staticmethod
    def forward(ctx: Any, unary: Tensor, gains: Tensor, lattices: list[Lattice], iterations: int) -> Tensor:
        kept: list[list[Tensor]] = []
        logits = -unary
        with torch.autocast(unary.device.type, enabled=False):
            for _ in range(iterations):
                q = logits.softmax(1)
                kept.append([lattice.blur(lattice.splat(q)) for lattice in lattices])
                logits = _logits(unary, gains, lattices, kept[-1])
        ctx.save_for_backward(unary, gains, *[rows for step in kept for rows in step])
        ctx.lattices, ctx.iterations = lattices, iterations
        return logits

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        unary, gains, *kept = ctx.saved_tensors
        lattices, count = ctx.lattices, len(ctx.lattices)
        of_unary, of_gains = torch.zeros_like(unary), torch.zeros_like(gains)
        with torch.autocast(unary.device.type, enabled=False):
            for step in reversed(range(ctx.iterations)):
                of_unary -= gradient
                before = kept[(step - 1) * count : step * count] if step else []
                q = _logits(unary, gains, lattices, before).softmax(1)
                parts = []
                for k, lattice in enumerate(lattices):
                    rows = lattice.slice_transposed(gradient)
                    of_gains[k] += rows.T @ kept[step * count + k]
                    parts.append(lattice.splat_transposed(lattice.blur_transposed(rows @ gains[k])))
                of_q = _sum(parts)
                gradient = q.mul_(of_q.sub_((q * of_q).sum(1, keepdim=True)))
        return of_unary - gradient, of_gains, None, None


def _logits(unary: Tensor, gains: Tensor, lattices: list[Lattice], rows: list[Tensor]) -> Tensor:
    """Of the pixels, from the rows of one iteration; no rows: before the first."""
    if not rows:
        return -unary
    messages = [lattice.slice(own @ gain.T) for lattice, gain, own in zip(lattices, gains, rows, strict=True)]
    return _sum(messages).sub_(unary)


def _sum(terms: list[Tensor]) -> Tensor:
    """In the memory of the first."""
    return functools.reduce(Tensor.add_, terms)


def _by_core(
    unary: Tensor,
    kernels: Sequence[Sequence[Kernel]],
    weights: Tensor | None,
    compatibility: Tensor | None,
    iterations: int,
) -> Tensor:
    refined = []
    for energies, own in zip(unary.detach(), kernels, strict=True):
        costs = None
        if weights is not None or compatibility is not None:
            costs = -_gains(_weights(own, weights, energies), compatibility, len(energies)).detach().numpy()
            shape = tuple(energies.shape[1:])
            own = [Features(kernel.features(shape), 1.0, kernel.normalization) for kernel in own]
        q = dense_crf.mean_field(
            energies.numpy(),
            own,
            iterations=iterations,
            compatibility=costs,
            threads=torch.get_num_threads(),
        )
        refined.append(torch.from_numpy(q))
    return torch.stack(refined)


def _lattice(kernel: Kernel, number: int, energies: Tensor) -> Lattice:
    features = torch.from_numpy(kernel.features(tuple(energies.shape[1:]))).to(energies.device)
    try:
        return Lattice(features, kernel.normalization, energies.dtype)
    except ValueError as error:
        raise ValueError(f"kernel {number}: {error}") from None


def _weights(kernels: Sequence[Kernel], weights: Tensor | None, like: Tensor) -> Tensor:
    """(K,) or (K, C), of the type and on the device of `like`."""
    if weights is None:
        return torch.tensor([kernel.weight for kernel in kernels], dtype=like.dtype, device=like.device)
    return weights.to(like)


def _gains(weights: Tensor, compatibility: Tensor | None, classes: int) -> Tensor:
    """(K, C, C): what the log-probability of l gains, for each kernel, if similar pixels have l'."""
    if compatibility is None:
        gain = torch.eye(classes, dtype=weights.dtype, device=weights.device)
    elif compatibility.ndim == 1:
        gain = compatibility.to(weights).diag()
    else:
        gain = -compatibility.to(weights)
    return gain * (weights[:, None, :] if weights.ndim == 2 else weights[:, None, None])


def _check(
    unary: Tensor,
    kernels: Sequence[Sequence[Kernel]],
    weights: Tensor | None,
    compatibility: Tensor | None,
    iterations: int,
) -> None:
    if not unary.is_floating_point() or not 3 <= unary.ndim <= 5 or unary.numel() == 0:
        raise ValueError(
            "the unary must be floats (pictures, classes, height, width), or with 1 or 3 axes after the "
            f"classes, and not empty; got {tuple(unary.shape)} of {unary.dtype}"
        )
    if unary[0, 0].numel() > MAX_PIXELS:
        raise ValueError(f"at most {MAX_PIXELS} pixels are possible, got {tuple(unary.shape)}")
    counts = [len(own) for own in kernels]
    if len(counts) != len(unary) or len(set(counts)) > 1:
        raise ValueError(
            f"kernels must be one sequence for each of {len(unary)} pictures, all equally long; "
            f"got lengths {counts}"
        )
    for number, kernel in enumerate(kernels[0]):
        if not callable(getattr(kernel, "features", None)):
            raise ValueError(f"kernel {number} must be a Gaussian, Bilateral or Features, got {kernel!r}")
    classes = unary.shape[1]
    if weights is not None and weights.shape not in ((counts[0],), (counts[0], classes)):
        raise ValueError(
            f"weights must be ({counts[0]},) or ({counts[0]}, {classes}) for {counts[0]} kernels and "
            f"{classes} classes, got {tuple(weights.shape)}"
        )
    if compatibility is not None and compatibility.shape not in ((classes,), (classes, classes)):
        raise ValueError(
            f"compatibility must be ({classes},) or ({classes}, {classes}) for {classes} classes, "
            f"got {tuple(compatibility.shape)}"
        )
    dense_crf.check_iterations(iterations)
