"""Find parameters that the scores are not computed from, such as those of an HRNet's branches without a skip.

Processes that share their gradients would wait for theirs.
"""

import torch
from torch import nn


def unused_parameters(net: nn.Module, images: torch.Tensor) -> list[str]:
    """The names of the parameters that learn, but get no gradient in a training step on such images.

    `images` (N, K, H, W) go through the net once. It stays unchanged.
    """
    was_training = net.training
    buffers = {name: buffer.clone() for name, buffer in net.named_buffers()}
    shape_alone = torch.autograd.graph.saved_tensors_hooks(lambda _: None, lambda _: torch.empty(0))
    with torch.random.fork_rng(devices=[]), torch.enable_grad(), shape_alone:  # no activations are kept
        scores = torch.func.functional_call(net.train(), buffers, (images,))
    net.train(was_training)
    used = _leaves_of(scores)
    return [name for name, own in net.named_parameters() if own.requires_grad and id(own) not in used]


def _leaves_of(scores: torch.Tensor) -> set[int]:
    """The ids of the parameters in the graph that these scores were computed by."""
    found: set[int] = set()
    waiting, known = [scores.grad_fn], {scores.grad_fn}
    while waiting:
        node = waiting.pop()
        if node is None:
            continue
        if (leaf := getattr(node, "variable", None)) is not None:  # a node that adds up a gradient
            found.add(id(leaf))
        behind = {each for each, _ in node.next_functions} - known
        known |= behind
        waiting += behind
    return found
