"""What --ray changes: which function does the work, and which options it does not take."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from pixelwise.workflows.checking import Check
    from pixelwise.workflows.evaluating import Judge
    from pixelwise.workflows.loading import LoadOptions
    from pixelwise.workflows.segmenting import SegmentedFolder

LOCAL = "local"

_ALONE = {"submission": None, "frames": "first", "every": 1, "smooth": None, "depth": None, "hha": None}
"""Options of segment that need one machine, and their defaults."""


def segmenting(ray: str | None) -> "Callable[..., SegmentedFolder]":
    """segment_folder, or its equal on the cluster that --ray names. That raises BadParameter for options that
    it does not take.
    """
    if ray is None:
        from pixelwise.workflows.segmenting import segment_folder

        return segment_folder

    def on_cluster(inputs: list[str], output: object, model: str, **given: Any) -> "SegmentedFolder":
        from pixelwise.distributed import segment

        given.pop("on_frame", None)
        for name, default in _ALONE.items():
            if given.pop(name) != default:
                raise typer.BadParameter(f"--{name} does not work with it", param_hint="--ray")
        return segment(inputs, str(output), model, address=ray or LOCAL, **given)

    return on_cluster


def judging(ray: str | None, model: str, head: str | None, loading: "LoadOptions") -> "dict[str, Judge]":
    """The argument of report_on that --ray changes."""
    if ray is None:
        return {}
    from pixelwise.distributed.evaluating import judge_on_cluster

    return {"judge": judge_on_cluster(model, head, loading, address=ray or LOCAL)}


def loading_here(ray: str | None, loading: "LoadOptions") -> "LoadOptions":
    """How this command loads the model that it judges, or that the cluster of --ray judges."""
    if ray is None:
        return loading
    from pixelwise.distributed.evaluating import without_gpu

    return without_gpu(loading)


def checking(ray: str | None) -> "Callable[..., Check]":
    """The function that checks: on this machine, or on the cluster that --ray names."""
    if ray is None:
        from pixelwise.workflows.checking import check as here

        return here
    from pixelwise.distributed import check

    return partial(check, address=ray or LOCAL)
