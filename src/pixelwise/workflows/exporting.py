"""Write a model in a format and a precision for deployment, or an ONNX net from elsewhere as a model file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from pixelwise.core.classes import Classes
from pixelwise.core.errors import ArgumentError, ModelError, extras_named
from pixelwise.core.files import write_together
from pixelwise.core.overwriting import expect_kept
from pixelwise.core.pictures.bands import BandForm
from pixelwise.core.terminal import printable
from pixelwise.core.types import BANDS, IMAGE
from pixelwise.exporting.calibration import Calibration, changed
from pixelwise.exporting.conversion import Converted, Source, converted
from pixelwise.exporting.formats import chosen_format, naming_the_output
from pixelwise.inference.engines.crf_engine import CRFEngine
from pixelwise.inference.engines.engine import Engine
from pixelwise.inference.engines.registry import runs_in_torch
from pixelwise.inference.model_files.card import with_record
from pixelwise.inference.model_files.model_file import ModelInfo, bundled_names, read_model
from pixelwise.inference.model_files.onnx_file import checked_metadata
from pixelwise.inference.normalisation import Normalisation
from pixelwise.inference.predictor import Predictor
from pixelwise.workflows.data import Data
from pixelwise.workflows.evaluating import evaluate
from pixelwise.workflows.loading import BY_ONNX, expect_name, load


@dataclass(frozen=True)
class Exported:
    """A model file.

    precision: what the file computes in. A copy of a float16 or int8 file keeps its precision. deviation: of
    the scores from the net's, relative to their spread; None for int8, which `changed` describes, and for
    copies of files that are not float32. steps, planned: the training steps of the net, done and planned;
    None for nets that are not from a run. is_best: whether it is the best net by the held-out pictures, not
    the last one. bytes: the size of all files. pictures: how many it was calibrated on. changed: the share of
    their pixels whose label differs from that in float32. mean_iou: in float32 and in the file's precision,
    on the `images` of the given data. in_training: how many of these the model learnt from, None if that is
    not known.
    """

    path: Path
    deviation: float | None
    steps: int | None = None
    planned: int | None = None
    is_best: bool = False
    format: str = "onnx"
    precision: str = "float32"
    bytes: int = 0
    pictures: int = 0
    changed: float | None = None
    mean_iou: tuple[float, float] | None = None
    images: int = 0
    in_training: int | None = None


@extras_named()
def export(
    run: str | Path,
    output: str | Path | None = None,
    name: str | None = None,
    long_side: int | None = None,
    head: str | None = None,
    *,
    format: str | None = None,
    precision: str = "float32",
    calibration: Calibration | None = None,
    data: Data | None = None,
    split: str = "val",
) -> Exported:
    """Write a model for deployment: the best net of a run folder, a net (.safetensors), a bundled model or a
    model file (.onnx).

    name: of the model, default its recipe's. long_side: score pictures at most this long, in pixels, default
    the recipe's. head: which head of a run that has several. A net that takes depth or HHA becomes a file
    with one input for each; a CRF layer becomes the model's own CRF. The file takes pictures of any size and
    is compared with the net on several odd sizes before it gets its name.

    format: "onnx", "openvino" (NAME.xml and NAME.bin) or "torchscript", default by the ending of `output`;
    `load` takes all of them. precision: "float32"; "float16" (the weights; in ONNX files the arithmetic too);
    or "int8" (weights and activations). torchscript files are always float32. calibration: needed for int8; a
    folder of pictures, KIND:PATH for its training pictures, or files and arrays. At most 48 are used. data,
    split: labelled pictures to measure the mean IoU of float32 and of the file on.

    Raises ValueError for a torch module, for a format, precision or ending that does not fit, and for a head
    of a model that is not a run; ModelError for a model that cannot be converted, such as an int8 file to
    float16, or whose own file would be overwritten; DataError if there are no pictures to calibrate on.
    """
    expect_name(run, BY_ONNX, "run")
    form, place = chosen_format(None if output is None else Path(output), format, precision)
    if (precision == "int8") != (calibration is not None):
        raise ArgumentError(
            "calibration",
            "int8 needs calibration: a folder of pictures like those the model will see, or KIND:PATH"
            if calibration is None
            else f"calibration is for int8, got precision {precision}",
        )
    if data is not None and precision == "float32":
        raise ArgumentError("data", "data measures what float16 and int8 cost; for float32 call evaluate")
    if place.is_dir():
        raise ModelError(f"{place} is a folder", f"name the file to write, such as model{place.suffix}")
    expect_kept(Path(run), form.files(place), ModelError)
    source = _source(run, head)
    own = source.precision
    if own != "float32" and precision != "float32":
        raise ModelError(
            f"{source.name} is of {own} already: expected a model in float32 to make {precision} from",
            "export from the run folder or the float32 file",
        )
    longest = source.info.long_side if long_side is None else long_side
    info = replace(source.info, name=name or source.info.name, long_side=longest)
    kept = own if precision == "float32" else precision
    info = info if kept == "float32" else replace(info, training={**info.training, "export": kept})
    made = converted(source, info, form.name, precision, calibration)
    with TemporaryDirectory() as folder:
        candidate = Path(folder) / place.name
        for ending, content in made.files.items():
            candidate.with_suffix(ending or place.suffix).write_bytes(content)
        with naming_the_output(candidate, place):
            figures = _figures(made, source, candidate, precision)
            if data is not None:
                figures |= _accuracy(made.before, candidate, data, split)
    paths = {place.with_suffix(ending or place.suffix): content for ending, content in made.files.items()}
    write_together({path: partial(_write, content) for path, content in paths.items()})
    return Exported(
        place,
        steps=source.steps,
        planned=source.planned,
        is_best=source.is_best,
        format=form.name,
        precision=kept,
        bytes=sum(map(len, paths.values())),
        **figures,
    )


def _source(run: str | Path, head: str | None) -> Source:
    path = Path(run)
    is_file = str(run) in bundled_names() or path.suffix == ".onnx"
    if (is_file or path.suffix == ".safetensors") and head is not None:
        raise ArgumentError("head", f"a model or net file has one head, so leave it out; got {head}")
    if is_file:
        content, source = read_model(run)
        info = ModelInfo.from_metadata(checked_metadata(content, source), source)
        from pixelwise.exporting.reduced_precision import precision_of

        form = precision_of(content, info)
        return Source(None, content, with_record(info, run), precision=form, name=source)
    from pixelwise.models.layers.frozen_batch_norm import fold_batch_norm
    from pixelwise.models.surgery.border_rows import narrow_borders

    if path.suffix == ".safetensors":
        from pixelwise.inference.model_files.net_file import read_net

        net, info = read_net(path)
        made = Source(net, b"", info)
    elif not path.is_dir():
        raise ModelError(
            f"{printable(run)} is not a run folder, nor a file that can be exported",
            "name a run folder, an .onnx or .safetensors file, or a bundled model: "
            + ", ".join(bundled_names()),
        )
    else:
        from pixelwise.training.checkpoint import BEST, chosen
        from pixelwise.training.setup.crf_layer import take_crf
        from pixelwise.training.setup.recipe_net import load_run

        net, info = load_run(path, head)
        planned = info.training["recipe"]["steps"]
        info = replace(info, crf=take_crf(net))
        made = Source(net, b"", info, info.training["steps"], planned, chosen(path).name == BEST)
    fold_batch_norm(net)
    narrow_borders(net)
    return made


def _figures(made: Converted, source: Source, candidate: Path, precision: str) -> dict[str, Any]:
    """How the file's scores differ from float32. Raises ModelError if they do although it is in float32."""
    from pixelwise.exporting.deviation import deviation, expect_small, noise

    if made.deviation is not None and precision == "float32" and candidate.suffix == ".onnx":
        return {"deviation": made.deviation}
    after = _net_of(_loaded(candidate))
    if made.recorded is not None:
        share = changed(made.recorded, after)
        return {"deviation": None, "pictures": len(made.recorded.seen), "changed": share}
    pictures = noise(made.channels, made.before.info.bands, source.net)
    found = deviation(_net_of(made.before).scores, after.scores, pictures)
    if precision == "float32":
        expect_small(found)
    return {"deviation": max(found, made.deviation or 0.0) if source.precision == "float32" else None}


def _loaded(candidate: Path) -> Predictor:
    """The file as people load it, in ONNX Runtime if that runs it."""
    threads = None if runs_in_torch(candidate) else 1  # torch's are those of the whole process
    return load(candidate, threads, engine="onnxruntime" if candidate.suffix == ".onnx" else "auto")


def _net_of(predictor: Predictor) -> Engine:
    """The model without its CRF."""
    engine = predictor.engine
    return engine.engine if isinstance(engine, CRFEngine) else engine


def _accuracy(before: Predictor, candidate: Path, data: Data, split: str) -> dict[str, Any]:
    first, second = (evaluate(model, data, split) for model in (before, _loaded(candidate)))
    return {
        "mean_iou": (first.summary()["mean_iou"], second.summary()["mean_iou"]),
        "images": first.images,
        "in_training": first.in_training,
    }


def _write(content: bytes, file: BinaryIO) -> None:
    file.write(content)


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
    bands: str | None = None,
) -> Wrapped:
    """Make a model file from an ONNX net that was trained elsewhere, for any function that takes a model.

    The net has one input, float (N, 3, H, W) or uint8 (N, H, W, 3), of any size or a fixed one, and returns
    scores (N, C, h, w) of any stride, or probabilities, in the order of `classes`. Weights in other files of
    its folder are read too. name: of the model, default the file's name.
    mean, std, input_range (for float inputs), multiple: see `load`. long_side: score pictures at most this
    long, in pixels. bands: for a net with other channels than RGB, see `load`. The file is tested before it
    gets its name. Raises ValueError for another ending than .onnx and for impossible settings, ModelError for
    a net with another interface, or if `output` is the net's own file.
    """
    from pixelwise.exporting.wrap import wrap_onnx

    source, place = Path(net), Path(output)
    if place.suffix != ".onnx":
        raise ArgumentError("output", f"expected a name that ends in .onnx, got {place}")
    form = None if bands is None else BandForm.parsed(bands)
    normalisation = Normalisation.of(mean, std, input_range, form)
    known = classes if isinstance(classes, Classes) else Classes.named(classes)
    inputs = (IMAGE,) if form is None else (BANDS,)
    record = dict(normalisation.record())
    info = ModelInfo(name or source.stem, known, long_side, record, inputs=inputs, bands=form)
    wrap_onnx(source, info, place, normalisation, multiple)
    return Wrapped(place, known)
