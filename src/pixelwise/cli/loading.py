"""What MODEL may be where a model is judged: the name of a bundled one, an .onnx file, or a run folder."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixelwise.inference.predictor import Predictor


def load_model(model: str, crf: str | None = None) -> "Predictor":
    """The predictor, for many images at a time: one thread each. crf: the preset to refine with."""
    from pixelwise.inference.model_file import bundled_names
    from pixelwise.inference.predictor import load

    if model in bundled_names() or not Path(model).is_dir():
        return load(model, threads=1, crf=crf)
    return _load_run(Path(model), crf)


def _load_run(run: Path, crf: str | None) -> "Predictor":
    from pixelwise.inference.engines import TorchEngine
    from pixelwise.inference.predictor import Predictor
    from pixelwise.inference.refiner import CRFRefiner
    from pixelwise.training import checkpoint
    from pixelwise.training.net import load_run

    net, info = load_run(run)
    with (run / checkpoint.LAST).open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    refiner = None if crf is None else CRFRefiner(crf, threads=1)
    return Predictor(TorchEngine(net), info, f"{info.name} {checksum[:16]}", refiner)
