"""What a run leaves on disk: complete or absent, never half-written."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pixelwise.errors import TrainingError

LAST = "last.pt"


@dataclass(frozen=True)
class Checkpoint:
    """The state after `step` steps, enough to go on bit for bit, and what a reader of the file wants to know.

    `recipe` and `classes` are plain data; `net`, `mean` (the running mean, the net to use) and `optimizer`
    are state dicts; `torch_rng` is the state of torch's generator on the CPU.
    """

    step: int
    recipe: dict[str, Any]
    classes: dict[str, Any]
    net: Mapping[str, torch.Tensor]
    mean: Mapping[str, torch.Tensor]
    optimizer: dict[str, Any]
    torch_rng: torch.Tensor
    seconds: float
    history: list[dict[str, Any]]


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write to a temporary file beside `path`, then rename: `path` holds the old or the new state, whatever
    happens.
    """
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        torch.save(vars(checkpoint), file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint; nothing in it is executed. Raises TrainingError if it is missing or damaged."""
    try:
        return Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
    except FileNotFoundError:
        raise TrainingError(
            f"{path} does not exist", "name a run folder in which `pixelwise train` has written a checkpoint"
        ) from None
    except Exception as error:
        raise TrainingError(f"{path} is no checkpoint of this version: {error}") from None
