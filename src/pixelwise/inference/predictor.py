"""From a picture to a Segmentation: read, reduce, score. Training judges nets through this very code."""

import hashlib
import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.errors import MissingExtraError, ModelError
from pixelwise.inference.engines import Engine, OnnxEngine, OpenVinoEngine, TorchEngine
from pixelwise.inference.images import read_photo
from pixelwise.inference.model_file import ModelInfo, read_model
from pixelwise.inference.segmentation import Segmentation
from pixelwise.inference.streams import in_order, processors
from pixelwise.labels import Classes
from pixelwise.types import PRECISIONS

Source = str | Path | Image.Image | npt.NDArray[np.uint8]
"""A file, a Pillow image, or an (H, W, 3) RGB array of uint8."""

ENGINES = ("auto", "onnxruntime", "openvino", "torch")


class Predictor:
    """A model ready to segment. It keeps no state between calls and may be shared between threads."""

    def __init__(self, engine: Engine, info: ModelInfo, identity: str | None = None) -> None:
        """`identity` tells models of one name apart; finished results of another model are made anew."""
        self.engine = engine
        self.info = info
        self.identity = info.name if identity is None else identity

    @property
    def classes(self) -> Classes:
        """The classes the model tells apart."""
        return self.info.classes

    def __call__(self, source: Source) -> Segmentation:
        """Segment one picture; if its longer side exceeds info.long_side, on a copy reduced to that.

        Files are turned upright as their EXIF orientation says, Pillow images and arrays are taken as they
        lie. Raises ImageError for files that are no readable image, ValueError for arrays of another type
        or shape.
        """
        photo = read_photo(source, self.info.long_side)
        scores = self.engine.scores(photo.pixels)
        if scores.shape[0] != len(self.classes):
            raise ModelError(
                f'model "{self.info.name}" names {len(self.classes)} classes but scores {scores.shape[0]}'
            )
        return Segmentation(scores, photo.size, self.classes, photo.pixels, photo.original)

    def batch(self, sources: Iterable[Source], workers: int | None = None) -> Iterator[Segmentation]:
        """Segment many pictures in threads; results come in order, as they are needed.

        Only a few sources are read ahead, so that `sources` may be endless. An error is raised when its
        picture's turn has come. By default there are as many workers as keep the processors busy, at least
        two; a model loaded with threads=1 is the most efficient here.
        """
        if workers is None:
            workers = max(2, -(-processors() // self.engine.threads))
        return in_order(self, sources, workers)


def load(
    name_or_path: str | Path = "default",
    threads: int | None = None,
    engine: str = "auto",
    precision: str = "float32",
) -> Predictor:
    """Load a bundled model by name, or a model file (.onnx) or net (.safetensors) by path.

    threads: how many one picture keeps busy, default all processors; for a net it sets torch's. engine, one
    of ENGINES: by default OpenVINO for model files if it is installed, else ONNX Runtime; nets run in torch.
    precision: "float32", or "bfloat16", which OpenVINO and torch have. Raises ModelError, naming the models
    there are, if there is no such model, its file is damaged or not one of ours, or it does not run as asked.
    """
    if engine not in ENGINES:
        raise ValueError(f'engine is one of {", ".join(ENGINES)}, not "{engine}"')
    if precision not in PRECISIONS:
        raise ValueError(f'precision is one of {", ".join(PRECISIONS)}, not "{precision}"')
    if Path(name_or_path).suffix == ".safetensors":
        return _load_net(Path(name_or_path), threads, engine, precision)
    if engine == "torch":
        raise ModelError(
            f"{name_or_path} is a model file, which torch does not run", "leave the choice to --engine auto"
        )
    model, source = read_model(name_or_path)
    if engine == "auto":
        engine = "openvino" if importlib.util.find_spec("openvino") else "onnxruntime"
    if engine == "onnxruntime" and precision != "float32":
        raise ModelError(f"ONNX Runtime computes in float32, not in {precision}", "take the engine openvino")
    made: OnnxEngine | OpenVinoEngine
    if engine == "openvino":
        made = OpenVinoEngine(model, threads, source, precision)
    else:
        made = OnnxEngine(model, threads, source)
    info = ModelInfo.from_metadata(made.metadata, source)
    return Predictor(made, info, identity=f"{info.name} {hashlib.sha256(model).hexdigest()[:16]}")


def _load_net(path: Path, threads: int | None, engine: str, precision: str) -> Predictor:
    if engine not in ("auto", "torch"):
        raise ModelError(
            f"{path} is a net, which {engine} does not run", "make a model file of it: pixelwise export"
        )
    try:
        import torch

        from pixelwise.inference.net_file import read_net
        from pixelwise.models.fast import for_inference
    except ModuleNotFoundError as problem:
        raise MissingExtraError(str(problem.name)) from None
    if threads is not None:
        torch.set_num_threads(threads)
    net, info = read_net(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Predictor(TorchEngine(for_inference(net, precision)), info, identity=f"{info.name} {digest[:16]}")
