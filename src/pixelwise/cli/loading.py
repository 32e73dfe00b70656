"""What MODEL may be where a model is judged: the name of a bundled one, an .onnx or .safetensors file, or a
run folder.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixelwise.data import LabelledImages
    from pixelwise.inference.predictor import Predictor
    from pixelwise.inference.views import Views


def load_model(
    model: str,
    crf: str | None = None,
    views: "Views | None" = None,
    threads: int | None = 1,
    engine: str = "auto",
    precision: str = "float32",
    head: str | None = None,
) -> "Predictor":
    """The predictor, for many images at a time: one thread each, unless `threads` says another number or
    None, all processors; the net of a run takes torch's. crf: the preset to refine with. views: how to look
    at pictures, if not once. engine, precision: see predictor.load. head: of a run with several, by default
    its main one.
    """
    from pixelwise.errors import ModelError
    from pixelwise.inference.model_file import bundled_names
    from pixelwise.inference.predictor import load
    from pixelwise.inference.views import SINGLE

    if model in bundled_names() or not Path(model).is_dir():
        return load(model, threads, crf, views or SINGLE, engine, precision)
    if engine not in ("auto", "torch"):
        raise ModelError(
            f"{model} is a run folder, which {engine} does not run", "export it to an .onnx file"
        )
    return _load_run(Path(model), crf, views or SINGLE, threads, precision, head)


def as_learnt(dataset: "LabelledImages", predictor: "Predictor") -> "LabelledImages":
    """The data with the labels of the head that the model has learnt, where that is not the main one."""
    head = predictor.info.training.get("head")
    return dataset.with_head(head) if head in list(dataset.heads)[1:] else dataset


def _load_run(
    run: Path, crf: str | None, views: "Views", threads: int | None, precision: str, head: str | None
) -> "Predictor":
    from pixelwise.files import sha256_of
    from pixelwise.inference.choice import identity_of
    from pixelwise.inference.engines import TorchEngine
    from pixelwise.inference.predictor import Predictor
    from pixelwise.inference.refiner import CRFRefiner
    from pixelwise.models.batch_norm import fold_batch_norm
    from pixelwise.models.fast import for_inference
    from pixelwise.training import checkpoint
    from pixelwise.training.net import load_run

    net, info = load_run(run, head)
    refiner = None if crf is None else CRFRefiner(crf, threads)
    fold_batch_norm(net)
    engine = TorchEngine(for_inference(net, precision))
    identity = identity_of(info, sha256_of(checkpoint.chosen(run)), precision)
    identity = identity if head is None else f"{identity} {head}"
    inputs = info.training["recipe"]["inputs"]
    return Predictor(engine, info, identity, refiner, views, inputs, str(run))
