"""The training settings of the papers' authors, as named sets of recipe fields.

Source: Long et al. 2015, section 4.3 (batches of 20 whole pictures), and the solver files of the FCN release
("online learning": one picture a step, the loss a sum over its pixels, heavy momentum).
"""

from collections.abc import Mapping
from typing import Any

_SGD = {
    "optimizer": "sgd",
    "weight_decay": 5e-4,
    "decay_biases": False,
    "double_bias_rate": True,
    "warmup_steps": 0,
    "schedule": "fixed",
    "clip": 0.0,
    "ema": 0.0,
    # whole pictures, one at a time
    "batch_size": 1,
    "crop": 0,
    "scale": (1.0, 1.0),
}


def _online(rate: float) -> dict[str, Any]:
    return _SGD | _rates(rate) | {"loss": "sum", "accumulate": 1, "momentum": 0.99}


def _batch20(rate: float) -> dict[str, Any]:
    return _SGD | _rates(rate) | {"loss": "mean", "accumulate": 20, "momentum": 0.9}


def _rates(rate: float) -> dict[str, float]:
    return {"learning_rate": rate, "head_learning_rate": rate}


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "fcn-online-32s": _online(1e-10),
    "fcn-online-16s": _online(1e-12),
    "fcn-online-8s": _online(1e-14),
    "fcn-online-8s-at-once": _online(1e-10),
    "fcn-batch20-alexnet": _batch20(1e-3),
    "fcn-batch20-vgg16": _batch20(1e-4),
    "fcn-batch20-googlenet": _batch20(5e-5),
    "fcn-release-alexnet": _batch20(1e-4),
}
"""The release's AlexNet alone has a mean loss, over 20 accumulated pictures."""


def trained_as(name: str) -> dict[str, Any]:
    """The fields of the named preset, including its name."""
    return {"preset": name, **PRESETS[name]}
