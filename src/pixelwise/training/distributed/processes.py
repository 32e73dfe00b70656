"""Train one net in several processes: each processes a part of every step, and gradients are summed.

torchrun starts them, or `launch`, which sets the same variables. Only the first process, rank 0, writes.
"""

import atexit
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
from torch import distributed

from pixelwise.core.errors import MissingExtraError, PixelwiseError, TrainingError
from pixelwise.core.precision import fabric_name
from pixelwise.core.terminal import note
from pixelwise.training.distributed.launcher import is_first, is_launched
from pixelwise.training.recipe import Recipe

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Result = TypeVar("Result")


class LostProcessError(TrainingError):
    """Another process of the run has ended, or cannot be reached."""


def count() -> int:
    """The number of processes that train this net."""
    return int(os.environ["WORLD_SIZE"]) if is_launched() else 1


@contextmanager
def connected(recipe: Recipe) -> Iterator["Fabric"]:
    """This process's device and its connection to the others, if there are any."""
    if not is_launched():
        yield _fabric(recipe, devices=1)
        return
    local, everywhere = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
    fabric = _fabric(recipe, devices=local, num_nodes=everywhere // local, strategy="ddp")
    with naming_lost():
        if not distributed.is_initialized():  # the stages of a chain share the connection
            atexit.register(_disconnect)
        fabric.launch()
        yield fabric


def _fabric(recipe: Recipe, **places: Any) -> "Fabric":
    try:
        from lightning_fabric import Fabric
    except ModuleNotFoundError:
        raise MissingExtraError("lightning_fabric") from None

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it prints unwanted messages
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "You passed .* AMP with fp16 is not supported on CPU")
            fabric = Fabric(
                accelerator=recipe.accelerator, precision=cast(Any, fabric_name(recipe.precision)), **places
            )
    except Exception as problem:  # it raises many kinds
        raise TrainingError(
            f"accelerator={recipe.accelerator} with precision={recipe.precision} fails here: {problem}",
            "use accelerator=auto, and not more devices than there are",
        ) from problem
    if recipe.precision == "float16" and fabric.device.type == "cpu" and is_first():
        note("note: processors do not train in float16, so this run trains in bfloat16")
    return fabric


def _disconnect() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()


@contextmanager
def naming_lost() -> Iterator[None]:
    """Turn errors of the connection between processes into LostProcessError."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, distributed.DistError) and "gloo" not in str(error).lower():
            raise
        raise LostProcessError(
            "another process of this run has ended or cannot be reached",
            "if it gave no reason it was killed, perhaps because memory ran out; continue with --resume",
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


def results(fabric: "Fabric", act: Callable[[], Result]) -> list[Result]:
    """The results of `act` in all processes, in the order of ranks. A PixelwiseError is raised in all."""
    own: Result | PixelwiseError
    try:
        own = act()
    except PixelwiseError as error:
        own = error
    found = gathered(fabric, own)
    for result in found:
        if isinstance(result, PixelwiseError):
            raise result
    return found


def share_statistics(fabric: "Fabric", net: torch.nn.Module) -> None:
    """Copy the buffers of the first process to all. They differ after training batch normalisations, whose
    statistics depend on a process's pictures.
    """
    for buffer in net.buffers() if fabric.world_size > 1 else ():
        distributed.broadcast(buffer, 0)
