"""Write a trained net, or an ONNX net from elsewhere, as one model file."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pixelwise.core.classes import Classes
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.normalisation import Normalisation


@dataclass(frozen=True)
class Exported:
    """A model file. `deviation`: of its scores from the net's, relative to their spread. `steps` of `planned`
    is how long the net had learnt; None for nets that are not from a run. is_best: it is the best net by the
    held-out pictures and not the last.
    """

    path: Path
    deviation: float
    steps: int | None = None
    planned: int | None = None
    is_best: bool = False


def export(
    run: str | Path,
    output: str | Path = "model.onnx",
    name: str | None = None,
    long_side: int | None = None,
    head: str | None = None,
) -> Exported:
    """Write the best net of a run folder, or a net (.safetensors), as an ONNX file for any image size.

    name: what the model calls itself, default its recipe. long_side: score pictures at most this long, in
    pixels, default the recipe's. head: which head of a run that has several. A net that sees depth or HHA
    becomes a file with an input for each; a CRF layer travels as the model's own CRF. The file is compared
    with the net on several odd sizes before it gets its name. Raises ValueError for another ending than .onnx
    and for a head of a net file.
    """
    from pixelwise.exporting.onnx import export_onnx
    from pixelwise.models.layers.frozen_batch_norm import fold_batch_norm
    from pixelwise.models.surgery.border_rows import narrow_borders

    run, output = Path(run), Path(output)
    if output.suffix != ".onnx":
        raise ValueError(f"expected a name that ends in .onnx, got {output}")
    steps = planned = None
    is_best = False
    if run.suffix == ".safetensors":
        from pixelwise.inference.model_files.net_file import read_net

        if head is not None:
            raise ValueError(f"a net file has one head, so leave out head; got {head}")
        net, info = read_net(run)
    else:
        from pixelwise.training.checkpoint import BEST, chosen
        from pixelwise.training.setup.crf_layer import take_crf
        from pixelwise.training.setup.recipe_net import load_run

        net, info = load_run(run, head)
        recipe = info.training["recipe"]
        info = dataclasses.replace(info, crf=take_crf(net))
        steps, planned, is_best = info.training["steps"], recipe["steps"], chosen(run).name == BEST
    info = dataclasses.replace(info, name=name or info.name, long_side=long_side or info.long_side)
    fold_batch_norm(net)
    narrow_borders(net)
    return Exported(output, export_onnx(net, info, output), steps, planned, is_best)


@dataclass(frozen=True)
class Wrapped:
    """A model file and its classes."""

    path: Path
    classes: Classes


def wrap(
    net: str | Path,
    classes: Classes | Sequence[str],
    output: str | Path = "model.onnx",
    name: str | None = None,
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    input_range: Sequence[float] | None = None,
    multiple: int = 1,
    long_side: int = 512,
) -> Wrapped:
    """Make a model file from an ONNX net that was trained elsewhere, for any function that takes a model.

    The net has one input, float (N, 3, H, W) or uint8 (N, H, W, 3), of any size or a fixed one, and returns
    scores (N, C, h, w) of any stride, in the order of `classes`. name: what the model calls itself, default
    the file's name. mean, std, input_range, for float inputs, and multiple: see `load`. Pictures are scored
    at a long side of at most `long_side`. The file is tested before it gets its name. Raises ValueError for
    another ending than .onnx and for settings that cannot be, ModelError for a net with another interface.
    """
    from pixelwise.exporting.wrap import wrap_onnx

    source, place = Path(net), Path(output)
    if place.suffix != ".onnx":
        raise ValueError(f"expected a name that ends in .onnx, got {place}")
    normalisation = Normalisation.of(mean, std, input_range)
    known = classes if isinstance(classes, Classes) else Classes.named(list(classes))
    info = ModelInfo(name or source.stem, known, long_side, dict(normalisation.record()))
    wrap_onnx(source, info, place, normalisation, multiple)
    return Wrapped(place, known)
