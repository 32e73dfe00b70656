"""Load a predictor from a model's name, a file, a run folder or a torch module."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from pixelwise.core.classes import Classes
from pixelwise.core.errors import ArgumentError, ModelError, extras_named
from pixelwise.core.precision import for_net
from pixelwise.core.terminal import printable
from pixelwise.core.threads import spin_briefly
from pixelwise.crf.presets import Preset
from pixelwise.inference import loading
from pixelwise.inference.model_files.model_file import bundled_names
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.views import SINGLE, Views

if TYPE_CHECKING:
    from torch import nn


BY_LOAD = "load a torch module first: pixelwise.load(module, classes=[...])"
"""What to do with a torch module where only a name is taken."""

BY_ONNX = "for a torch module call torch.onnx.export, then pixelwise.wrap"
"""The same where no predictor is taken either."""


class LoadOptions(TypedDict, total=False):
    """Arguments of `load` that functions take too if they load a model."""

    threads: int | None
    crf: Preset | str | Path | None
    views: Views
    engine: str
    precision: str
    long_side: int | None
    tiles: str | int | None
    device: str
    allow_private_urls: bool


def load(
    model: "str | Path | nn.Module" = "default",
    threads: int | None = None,
    crf: Preset | str | Path | None = None,
    views: Views = SINGLE,
    engine: str = "auto",
    precision: str = "float32",
    head: str | None = None,
    *,
    allow_private_urls: bool = False,
    classes: Classes | Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    input_range: Sequence[float] | None = None,
    long_side: int | None = None,
    multiple: int = 1,
    bands: str | None = None,
    tiles: str | int | None = None,
    device: str = "auto",
) -> Predictor:
    """Load a bundled model by its name, a model file (.onnx, OpenVINO's .xml with its .bin, TorchScript's .pt
    of pixelwise export), a net (.safetensors), a run folder, or a torch module.

    A torch module needs the names of its `classes`, in order. It takes RGB (N, 3, H, W), scaled to
    `input_range`, (0, 1) by default, minus `mean`, divided by `std` (per channel, in the units of that range;
    0 and 1 by default), but a `SegmentationNet` takes pixels as they are. Sides are padded to a `multiple`.
    It returns scores (N, C, h, w) of any stride, or probabilities that add up to 1, as a tensor, an output
    with `.logits`, or a dict with "out". It keeps its mode, training or evaluation, and scores in evaluation
    mode. After further training load it again: folders recognise a model by the weights that it had then.
    bands: the input of a net with other channels than RGB, such as "4xuint16". Pictures are then files or
    arrays (H, W, 4) with all these bands, and `input_range` is what 0 to 255, 0 to 65535 or 0 to 1, by the
    type, is scaled to.

    threads: number of threads per picture, default all processors; nets and run folders use torch's. crf:
    refine results with a dense CRF with this preset, a name or a file. views: test-time augmentation, scales
    and mirroring. engine: "auto" takes OpenVINO for model files if it is installed, else ONNX Runtime, and
    torch for nets and run folders. head: which head of a run with several, default the main one. Other models
    have one head: the record of a file from `export` names it if the run chose among several, and only this
    name is taken.

    precision: "float32", the most exact; "int8", the fastest, for bundled models and files that were exported
    in it; "bfloat16" with OpenVINO and torch. "auto" takes int8 where the model's card says that it costs at
    most 0.3 points of mean IoU and the processor has instructions for it (VNNI, or ARM's dot product), and
    float32 otherwise.

    long_side: score pictures at most this long, in pixels; default the model's own, and 512 for a torch
    module. tiles: score pictures whose longer side exceeds this number of pixels in overlapping tiles of this
    side, and blend the probabilities. With "auto", pictures that are more than four times as long as the
    model's long side are scored in tiles of twice that long side; None: never. device: "cpu", "cuda",
    "cuda:1", "mps" (Apple) or "xpu" (Intel); "auto" takes CUDA if the engine can use it, else the processor;
    a torch module stays on its device. allow_private_urls: also fetch pictures from this machine and its
    private network, and read file:// URLs.

    Raises ModelError if there is no such model, its file is damaged, or it does not run with these
    arguments; PresetError for an unknown preset; TrainingError for a damaged run folder.
    """
    if isinstance(model, str):
        expect_name(model)
    if not isinstance(model, str | Path) or str(model) in bundled_names() or not Path(model).is_dir():
        loaded = loading.load(
            model,
            threads,
            crf,
            views,
            engine,
            precision,
            classes=classes,
            mean=mean,
            std=std,
            input_range=input_range,
            long_side=long_side,
            multiple=multiple,
            bands=bands,
            tiles=tiles,
            device=device,
        )
    elif engine not in ("auto", "torch"):
        raise ModelError(
            f"{model} is a run folder, which {engine} does not run", "export it to an .onnx file"
        )
    else:
        loading.refuse_of_modules(
            classes=classes, mean=mean, std=std, input_range=input_range, multiple=multiple, bands=bands
        )
        loaded = _load_run(Path(model), threads, crf, views, precision, head, long_side, tiles, device)
    if head is not None and head != (own := loaded.info.training.get("head")):
        name = model if isinstance(model, str | Path) else loaded.info.name
        raise ModelError(
            f"{printable(name)} has no head {printable(head)}",
            f"it has the head {printable(own)} only" if own else "it has one head only, so leave it out",
        )
    loaded.allow_private_urls = allow_private_urls
    return loaded


def expect_name(model: object, instead: str = BY_LOAD, argument: str = "model") -> None:
    """Raise ValueError for what is not a name or a path, such as a torch module, whose classes and
    normalisation only `load` takes; ModelError for an empty name.
    """
    if not isinstance(model, str | Path):
        raise ArgumentError(
            argument,
            f"expected the name of a model, a model file or a run folder, got {type(model).__name__}; "
            f"{instead}",
        )
    if model == "":  # as a path it is the current folder
        raise ModelError("the name of the model is empty", f"bundled models: {', '.join(bundled_names())}")


def load_for_labels(model: str | Path, head: str | None, **options: Unpack[LoadOptions]) -> Predictor:
    """As `load`, for labels of the head of that name: a model whose heads have no names takes any."""
    expect_name(model)
    loaded = load(model, **options)
    own = loaded.info.training.get("head")
    return loaded if head is None or own in (None, head) else load(model, head=head, **options)


def refuse_options(options: LoadOptions) -> None:
    """Raise ValueError if there are any beside a predictor, which was loaded already."""
    if options:
        raise ValueError(f"{', '.join(options)}: a predictor has its own; give such options to load")


@extras_named()
def _load_run(
    run: Path,
    threads: int | None,
    crf: Preset | str | Path | None,
    views: Views,
    precision: str,
    head: str | None,
    long_side: int | None,
    tiles: str | int | None,
    device: str,
) -> Predictor:
    spin_briefly()
    from pixelwise.core.files import sha256_of
    from pixelwise.inference.crf_refiner import CRFRefiner
    from pixelwise.inference.engines.devices import Device, crf_device
    from pixelwise.inference.engines.registry import identity_of
    from pixelwise.inference.engines.torch import net_engine
    from pixelwise.models.layers.frozen_batch_norm import fold_batch_norm
    from pixelwise.training import checkpoint
    from pixelwise.training.setup.recipe_net import load_run

    precision, place = for_net(precision), Device.of(device)
    net, info = load_run(run, head)
    fold_batch_norm(net)
    engine = net_engine(net, precision, place)
    refiner = None if crf is None else CRFRefiner(crf, threads, crf_device(engine))
    identity = identity_of(info, sha256_of(checkpoint.chosen(run)), precision)
    identity = identity if head is None else f"{identity} {head}"
    info, identity = loading.at_long_side(info, identity, long_side)
    return Predictor(engine, info, identity, refiner, views, source=str(run), tiles=tiles)
