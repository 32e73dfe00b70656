"""Write a trained net as one model file."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from pixelwise.core.errors import TrainingError
from pixelwise.core.types import IMAGE


@dataclass(frozen=True)
class Exported:
    """A model file. `deviation`: the largest difference between its scores and the net's, relative to their
    spread. The net was trained for `steps` of `planned` steps; both are None for nets of no run folder.
    """

    path: Path
    deviation: float
    steps: int | None = None
    planned: int | None = None


def export(
    run: str | Path,
    output: str | Path = "model.onnx",
    name: str | None = None,
    long_side: int | None = None,
    head: str | None = None,
) -> Exported:
    """Write the best net of a run folder, or a net (.safetensors), as an ONNX file for any image size.

    name: the model's name, default the recipe's. long_side: score pictures at most this long, in pixels,
    default the recipe's. head: which head of a run with several. The file is compared with the net on
    several image sizes before it appears under its name. Raises ValueError for another ending than .onnx
    and for a head of a net file, TrainingError for runs whose net a model file cannot hold.
    """
    from pixelwise.exporting.onnx import export_onnx
    from pixelwise.models.layers.frozen_batch_norm import fold_batch_norm
    from pixelwise.models.surgery.border_rows import narrow_borders

    run, output = Path(run), Path(output)
    if output.suffix != ".onnx":
        raise ValueError(f"expected a name that ends in .onnx, got {output}")
    steps = planned = None
    if run.suffix == ".safetensors":
        from pixelwise.inference.model_files.net_file import read_net

        if head is not None:
            raise ValueError(f"a net file has one head, so leave out head; got {head}")
        net, info = read_net(run)
    else:
        from pixelwise.training.setup.recipe_net import load_run

        net, info = load_run(run, head)
        recipe = info.training["recipe"]
        if (inputs := tuple(recipe["inputs"])) != (IMAGE,):
            raise TrainingError(
                f"the net of {run} takes {' and '.join(inputs)}, but model files take RGB images only",
                "evaluate it with pixelwise eval",
            )
        if recipe["crf_layer"] is not None:
            raise TrainingError(
                f"the net of {run} ends in a CRF layer, which model files cannot hold",
                "evaluate it with pixelwise eval; or export the run it started from, and refine with --crf",
            )
        steps, planned = info.training["steps"], recipe["steps"]
    info = dataclasses.replace(info, name=name or info.name, long_side=long_side or info.long_side)
    fold_batch_norm(net)
    narrow_borders(net)
    return Exported(output, export_onnx(net, info, output), steps, planned)
