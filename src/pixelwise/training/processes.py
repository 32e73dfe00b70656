"""Several processes that train one net: each learns from its part of every step, and gradients are summed.

They are started by torchrun, or by `launch`, which sets the same variables. Only the first one, rank 0,
writes.
"""

import atexit
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import distributed

from pixelwise.errors import MissingExtraError, TrainingError
from pixelwise.training.recipe import Recipe

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class LostProcessError(TrainingError):
    """Another process of the run has ended, or cannot be reached."""


def is_one_of_several() -> bool:
    """Whether torchrun, or `launch`, has started this process."""
    return distributed.is_available() and distributed.is_torchelastic_launched()


def count() -> int:
    """How many processes train this net."""
    return int(os.environ["WORLD_SIZE"]) if is_one_of_several() else 1


@contextmanager
def connected(recipe: Recipe) -> Iterator["Fabric"]:
    """This process's device and its way to the others, if there are any."""
    try:
        from lightning_fabric import Fabric
    except ModuleNotFoundError:
        raise MissingExtraError("lightning_fabric") from None

    if not is_one_of_several():
        yield Fabric(accelerator=recipe.accelerator, devices=1, precision=recipe.precision)
        return
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it tells what nobody asked
    local, everywhere = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
    fabric = Fabric(
        accelerator=recipe.accelerator,
        devices=local,
        num_nodes=everywhere // local,
        strategy="ddp",
        precision=recipe.precision,
    )
    with naming_lost():
        if not distributed.is_initialized():  # the stages of a chain share the connection
            atexit.register(_disconnect)
        fabric.launch()
        yield fabric


def _disconnect() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()


@contextmanager
def naming_lost() -> Iterator[None]:
    """Errors of what connects the processes become LostProcessError."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, distributed.DistError) and "gloo" not in str(error).lower():
            raise
        raise LostProcessError(
            "another process of this run has ended or cannot be reached",
            "if it gave no reason it was killed, perhaps for want of memory; go on with --resume",
        ) from error


def summed(fabric: "Fabric", tensor: torch.Tensor) -> torch.Tensor:
    """The sum over all processes, in place."""
    return cast(torch.Tensor, fabric.all_reduce(tensor, reduce_op="sum"))


def any_of(fabric: "Fabric", flag: bool) -> bool:
    """Whether the flag is set in any process."""
    return bool(summed(fabric, torch.tensor(int(flag), device=fabric.device)).item())


def gathered(fabric: "Fabric", item: Any) -> list[Any]:
    """The item of every process in the order of ranks, on every process."""
    if fabric.world_size == 1:
        return [item]
    items: list[Any] = [None] * fabric.world_size
    distributed.all_gather_object(items, item)
    return items
