"""A service of the tiny model, and pictures whose results can be computed by hand."""

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from tiny_model import tiny_info, tiny_model

pytest.importorskip("fastapi", reason="needs the extra serve")

import httpx
from running_service import running

from pixelwise.inference.engines.onnx import OnnxEngine
from pixelwise.inference.predictor import Predictor
from pixelwise.serve import create_app


@pytest.fixture(scope="session")
def tiny() -> Predictor:
    return Predictor(OnnxEngine(tiny_model(), 1), tiny_info())


@pytest.fixture(scope="session")
def service(tiny: Predictor) -> Iterator[httpx.Client]:
    with running(create_app({"tiny": tiny, "other": tiny})) as client:
        yield client


@pytest.fixture(scope="session")
def picture() -> bytes:
    """40 columns, 30 rows, PNG: red where the column is below 10, black elsewhere."""
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[:, :10, 0] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
