"""Train in stages, each from the best net of the stage before, such as FCN-32s, 16s, 8s as one recipe."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixelwise.core.errors import TrainingError
from pixelwise.core.files import regular_file, write_atomically
from pixelwise.core.terminal import reason_of
from pixelwise.data import LabelledImages
from pixelwise.training import checkpoint
from pixelwise.training.callbacks import Callbacks
from pixelwise.training.distributed.launcher import is_first
from pixelwise.training.loop import train
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.run_start import begun, new_folder
from pixelwise.training.setup.typed_fields import brief, is_of


@dataclass(frozen=True)
class Chain:
    """Recipes that train on the same data, in order."""

    name: str
    stages: tuple[Recipe, ...]

    def faults(self) -> list[str]:
        """One sentence for each setting that cannot work."""
        return [f"{stage.name}: {fault}" for stage in self.stages for fault in stage.faults()]

    def override(self, settings: list[str]) -> "Chain":
        """A copy with "field=value" settings applied to every stage. Raises TrainingError."""
        return Chain(self.name, tuple(stage.override(settings) for stage in self.stages))

    def places(self, run: Path) -> list[Path]:
        """The run folders of the stages."""
        return [run / f"{number}_{stage.name}" for number, stage in enumerate(self.stages, start=1)]


def first_stage(recipe: Recipe | Chain) -> Recipe:
    """The first recipe of a chain, whose data all stages use; a single recipe itself."""
    return recipe.stages[0] if isinstance(recipe, Chain) else recipe


def train_chain(
    chain: Chain,
    train_set: LabelledImages,
    val_set: LabelledImages,
    run: Path,
    resume: bool = False,
    callbacks: Callbacks | None = None,
) -> bool:
    """Train the stages, each in its own run folder below `run`. Returns True if the last one finished.

    False means that a signal ended it early. With `resume` it goes on in the last stage that has begun;
    earlier ones stay as they are, because that stage started from them.
    """
    _begin(chain, run, resume)
    places = chain.places(run)
    begun_stages = [(place / checkpoint.LAST).exists() for place in places]
    before: Path | None = None
    for number, (stage, place) in enumerate(zip(chain.stages, places, strict=True)):
        if before is not None:
            stage = dataclasses.replace(stage, init_from=str(before))
        on_the_way = resume and begun_stages[number]
        over = on_the_way and any(begun_stages[number + 1 :])
        if not over and not train(stage, train_set, val_set, place, on_the_way, callbacks):
            return False
        before = place
    return True


def _begin(chain: Chain, run: Path, resume: bool) -> None:
    """Write the plan into the run folder. Raises TrainingError, and writes nothing, if stages have started
    with settings that do not allow these.
    """
    if resume:
        for stage, place in zip(chain.stages, chain.places(run), strict=True):
            if (place / checkpoint.LAST).exists():
                begun(stage, place)
    if not is_first():
        return
    if not resume:
        new_folder(run)
    content = {"name": chain.name, "stages": [dataclasses.asdict(stage) for stage in chain.stages]}
    write_atomically(run / checkpoint.CHAIN, lambda file: file.write(json.dumps(content, indent=1).encode()))


def read_chain(run: Path) -> Chain:
    """The chain that a run folder was started with. Raises TrainingError if it has none."""
    try:
        content = json.loads(regular_file(run / checkpoint.CHAIN).read_text(encoding="utf-8"))
        name, stages = content["name"], content["stages"]
        if not (isinstance(name, str) and is_of(stages, list[dict[str, Any]]) and stages):
            raise ValueError("expected the name and the recipes of its stages")
        return Chain(name, tuple(Recipe.from_dict(stage) for stage in stages))
    except FileNotFoundError:
        raise TrainingError(
            f"{run} holds no run of stages: {run / checkpoint.CHAIN} does not exist",
            "name the folder in which the run was started, or start one without --resume",
        ) from None
    except OSError as problem:
        raise TrainingError(
            f"cannot read {run / checkpoint.CHAIN}: {reason_of(problem)}",
            "check the file's permissions and the disk",
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError, TrainingError) as problem:
        reason = problem.message if isinstance(problem, TrainingError) else brief(str(problem))
        raise TrainingError(f"{run / checkpoint.CHAIN} is damaged: {reason}", "start a new run") from None
