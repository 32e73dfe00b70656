"""Save and load checkpoints. A file on disk is complete or absent, never half-written."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch

from pixelwise.core.classes import Classes
from pixelwise.core.errors import TrainingError
from pixelwise.core.files import regular_file
from pixelwise.core.fingerprints import unpacked
from pixelwise.core.terminal import reason_of
from pixelwise.models.weights.tensor_files import fault_of, load_archive
from pixelwise.training.checkpoint_checksum import DamagedError, expect_sound, seal
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.typed_fields import is_of, wrong_fields

LAST, BEST = "last.pt", "best.pt"
CHAIN = "chain.json"
"""The plan of a run of stages, see stages.py."""


@dataclass(frozen=True)
class Checkpoint:
    """The state after `step` steps, from which a run continues bit for bit, and information for readers.

    `recipe` and `classes`, those of the main head, are plain data, and so are `heads`, the classes of all
    heads if there are several. `net`, `mean` (the running mean, the net to use), `optimizer` and `scaler`
    (of 16-bit losses) are state dicts; the best checkpoint has `mean` alone. Every step seeds the generators
    of random numbers again, so their state is not here. `images_per_step` counts those of all processes,
    `channels` what the net sees of a picture. `numbers`: the type of bands, empty for other inputs.
    `learnt_from`: fingerprints of the pictures that the net has learnt from (core/fingerprints.py).
    """

    step: int
    recipe: dict[str, Any]
    classes: dict[str, Any]
    net: Mapping[str, torch.Tensor]
    mean: Mapping[str, torch.Tensor]
    optimizer: dict[str, Any]
    seconds: float
    history: list[dict[str, Any]]
    scaler: dict[str, Any] = field(default_factory=dict)
    heads: dict[str, Any] = field(default_factory=dict)
    images_per_step: int | None = None
    channels: int = 3
    numbers: str = ""
    learnt_from: str = ""


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write to a temporary file beside `path`, then rename it, so that `path` always holds the old or the new
    state. Raises TrainingError if writing fails, for example on a full disk; the temporary file is removed.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.unlink(missing_ok=True)  # of a run that was killed
        with temporary.open("x+b") as file:
            torch.save(vars(checkpoint), file)
            seal(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as problem:
        with suppress(OSError):
            temporary.unlink()
        if (reason := _refusal(problem)) is None:
            raise
        kept = f"; the one before, {path}, is intact" if path.exists() else ""
        raise TrainingError(
            f"cannot write the checkpoint of step {checkpoint.step}: {reason}{kept}",
            f"free space on the disk, then {go_on(path.parent)}",
        ) from problem


def go_on(run: Path) -> str:
    """How a run that had to end goes on, for a hint: --resume needs a checkpoint, or the plan of stages."""
    if (run / LAST).exists() or (run.parent / CHAIN).exists():
        return "continue with --resume"
    return "start the run again, because it has no checkpoint yet"


def _refusal(problem: BaseException) -> str | None:
    """The operating system's reason, also if torch's writer reports another one."""
    if isinstance(problem, OSError):
        return reason_of(problem)
    if isinstance(problem, RuntimeError) and isinstance(problem.__context__, OSError):
        return _refusal(problem.__context__)
    return None


def load(path: Path) -> Checkpoint:
    """Read a checkpoint; nothing in it is executed. Raises TrainingError, which names the file, if it is
    missing, cannot be read, is damaged, or was not written by `save`.
    """
    try:
        return _read(path)
    except (FileNotFoundError, NotADirectoryError):
        raise TrainingError(
            f"{path} does not exist", "name a run folder in which `pixelwise train` has written a checkpoint"
        ) from None
    except OSError as problem:
        raise TrainingError(
            f"cannot read {path}: {reason_of(problem)}",
            "the file may be intact: check its permissions and the disk",
        ) from None
    except DamagedError as problem:
        raise TrainingError(f"{path} is damaged: {problem}", _instead_of(path)) from None
    except TrainingError as problem:  # of its recipe
        raise TrainingError(f"{path}: {problem.message}", problem.hint) from None
    except Exception as problem:  # torch raises many kinds of errors, whose texts give unsafe advice
        raise TrainingError(f"{path} is not a checkpoint of this version", _instead_of(path)) from problem


def _read(path: Path) -> Checkpoint:
    with regular_file(path).open("rb") as file:
        expect_sound(file)
        content = load_archive(file)
    known = {entry.name for entry in fields(Checkpoint)}
    found = Checkpoint(**{name: value for name, value in content.items() if name in known})
    if wrong := wrong_fields(vars(found), Checkpoint):
        raise DamagedError("; ".join(wrong))
    try:
        unpacked(found.learnt_from)
    except ValueError as problem:
        raise DamagedError(str(problem)) from None
    for tensors in (found.net, found.mean):
        if fault := fault_of(tensors):
            raise DamagedError(f"it holds {fault}")
    Recipe.from_dict(found.recipe)
    for classes in (found.classes, *found.heads.values()):
        classes_from(classes)
    if not all(is_of(entry.get("step"), int) and is_of(entry, dict[str, float]) for entry in found.history):
        raise DamagedError("its history does not hold numbers by name")
    return found


@contextmanager
def fitting(path: Path) -> Iterator[None]:
    """Raise TrainingError with the checkpoint's name if its tensors do not fit the net or the optimizer."""
    try:
        yield
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError) as problem:
        raise TrainingError(
            f"{path} does not fit the net that its own recipe describes", _instead_of(path)
        ) from problem


def classes_as_data(classes: Classes) -> dict[str, Any]:
    """Names and colours as plain data for a checkpoint."""
    return {"names": list(classes.names), "palette": [list(colour) for colour in classes.palette]}


def classes_from(content: Mapping[str, Any]) -> Classes:
    """The classes that `classes_as_data` wrote. Raises ValueError, KeyError or TypeError for other data."""
    names, palette = content["names"], content["palette"]
    if not (is_of(names, list[str]) and is_of(palette, list[list[int]])):
        raise TypeError("expected names and colours")
    return Classes.named(names, tuple((red, green, blue) for red, green, blue in palette))


def _instead_of(damaged: Path) -> str:
    """The hint for a run with a damaged file; its other file may be intact."""
    run = damaged.parent
    best, last = run / BEST, run / LAST
    if damaged == last and _is_sound(best):
        return (
            f"the best net so far, {best}, is intact: eval and export take it from {run}, "
            f"and another run starts from it with --set init_from={run}"
        )
    if damaged == best and _is_sound(last):
        return f"{last} is intact: --resume continues from it, and without {best} eval and export take it too"
    if (run.parent / CHAIN).exists():
        return f"remove {run}, and --resume starts this stage again"
    return "start a new run"


def _is_sound(path: Path) -> bool:
    try:
        return bool(_read(path).mean)
    except Exception:
        return False


def chosen(run: Path) -> Path:
    """The file of the net that eval and export take: the best one by mean IoU on the val split, or the last
    if none was evaluated. For a run of stages (stages.py), that of the latest stage.
    """
    stages = [place for place in run.glob("[1-9]_*") if _holds_net(place)]
    if stages and not _holds_net(run):
        run = max(stages)
    best = run / BEST
    return best if best.exists() else run / LAST


def _holds_net(run: Path) -> bool:
    return any((run / name).exists() for name in (BEST, LAST))
