"""Load a predictor from a model's name, a file or a torch module."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pixelwise.core.classes import Classes
from pixelwise.core.pictures.bands import BandForm
from pixelwise.core.terminal import printable
from pixelwise.core.threads import thread_count
from pixelwise.crf import Preset
from pixelwise.inference.crf_refiner import CRFRefiner
from pixelwise.inference.engines.devices import crf_device
from pixelwise.inference.engines.registry import open_model, open_module, runs_in_torch
from pixelwise.inference.model_files.model_file import ModelInfo, bundled_names
from pixelwise.inference.normalisation import Normalisation
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.tiles import check_tiles
from pixelwise.inference.views import SINGLE, Views

if TYPE_CHECKING:
    from torch import nn

MODULE_LONG_SIDE = 512
"""The long side of pictures for a torch module, if the caller does not say."""


def load(
    model: "str | Path | nn.Module" = "default",
    threads: int | None = None,
    crf: Preset | str | Path | None = None,
    views: Views = SINGLE,
    engine: str = "auto",
    precision: str = "float32",
    *,
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
    """Load a bundled model by name, a model file (.onnx, OpenVINO's .xml, TorchScript's .pt) or net
    (.safetensors) by path, or a torch module.

    A torch module needs the names of its `classes`, in order. It takes RGB (N, 3, H, W), scaled to
    `input_range`, (0, 1) by default, minus `mean`, divided by `std` (per channel, in the units of that range;
    0 and 1 by default), but a `SegmentationNet` takes pixels as they are. Sides are padded to a `multiple`.
    It returns scores (N, C, h, w) of any stride, or probabilities, as a tensor, an output with `.logits`, or
    a dict with "out". bands: what a net of other channels takes, such as "4xuint16"; then `input_range`
    stands for 0 to 255, 0 to 65535 or 0 to 1 by the type, and pictures are files or arrays (H, W, 4) with all
    these bands.

    threads: number of threads per picture, default all processors; for a net it sets torch's. crf: refine
    results with a dense CRF with this preset, a name or a file. views: test-time augmentation, scales and
    mirroring. engine, one of registry.ENGINES: by default OpenVINO for model files if it is installed, else
    ONNX Runtime; nets run in torch. precision, long_side, tiles, device: see workflows.load. Raises
    ModelError, with the list of models, if there is no such model, its file is damaged or of another kind, or
    it does not run with these arguments; PresetError for an unknown preset.
    """
    if not isinstance(views, Views):
        raise ValueError(f"expected views as Views(scales=(0.75, 1.0), flip=True), got {views!r}")
    tiles = check_tiles(tiles)
    if not isinstance(model, str | Path):
        form = None if bands is None else BandForm.parsed(bands)
        if _normalises(model):
            if not (mean is None and std is None and input_range is None):
                raise ValueError(
                    "mean, std, input_range: a SegmentationNet takes pixels as they are and normalises them "
                    "itself; leave these out"
                )
            input_range = (0, 255 if form is None else form.highest)
        normalisation = Normalisation.of(mean, std, input_range, form)
        made, info, identity = open_module(
            model,
            classes,
            normalisation,
            MODULE_LONG_SIDE if long_side is None else long_side,
            multiple,
            threads,
            engine,
            precision,
            device,
            form,
        )
        refiner = None if crf is None else CRFRefiner(crf, threads, crf_device(made))
        return Predictor(made, info, identity, refiner, views, tiles=tiles)
    refuse_of_modules(
        classes=classes, mean=mean, std=std, input_range=input_range, multiple=multiple, bands=bands
    )
    by_tile = isinstance(tiles, int) and crf is None and not runs_in_torch(model)
    made, info, identity = open_model(model, 1 if by_tile else threads, engine, precision, device)
    info, identity = at_long_side(info, identity, long_side)
    refiner = None if crf is None else CRFRefiner(crf, threads, crf_device(made))
    source = None if str(model) in bundled_names() else printable(model)
    together = thread_count(threads) if by_tile else 1  # quicker than one tile at a time with all threads
    return Predictor(
        made, info, identity, refiner, views, source=source, tiles=tiles, tiles_together=together
    )


def _normalises(module: object) -> bool:
    """Whether it is a net of ours, which takes pixels as they are."""
    if "torch" not in sys.modules:  # who has a net has imported torch
        return False
    from pixelwise.models.nets.segmentation_net import SegmentationNet

    return isinstance(getattr(module, "_orig_mod", module), SegmentationNet)  # also one that was compiled


def refuse_of_modules(*, multiple: int, **own: object) -> None:
    """Raise ValueError for arguments that only a torch module takes, beside a model that has these itself."""
    given = [name for name, value in own.items() if value is not None] + ["multiple"] * (multiple != 1)
    if given:
        raise ValueError(
            f"{', '.join(given)}: a model file or run folder has these itself; only a torch module takes them"
        )


def at_long_side(info: ModelInfo, identity: str, long_side: int | None) -> tuple[ModelInfo, str]:
    """The model that scores pictures at this long side, and its identity; None: at its own."""
    if long_side is None or long_side == info.long_side:
        return info, identity
    return replace(info, long_side=long_side), f"{identity} long side {long_side}"
