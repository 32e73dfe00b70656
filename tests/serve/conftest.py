"""A service of the tiny model, and pictures whose results can be computed by hand."""

import io
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from page_steps import ELSEWHERE
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


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")  # while it is open, no test of this thread can run asyncio
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("needs chromium: apt-get install chromium")
    with sync_api.sync_playwright() as driver:
        arguments = ["--no-sandbox", f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1"]
        started = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield started
        started.close()


@pytest.fixture(scope="session")
def page_service(tiny: Predictor) -> Iterator[httpx.Client]:
    with running(create_app({"tiny": tiny})) as client:
        yield client


@pytest.fixture
def page(browser: Any, page_service: httpx.Client) -> Iterator[Any]:
    """A new page, on which nothing may go wrong."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.set_default_timeout(30_000)
    opened, faults = context.new_page(), []
    opened.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda fault: faults.append(str(fault)))
    opened.goto(str(page_service.base_url))
    yield opened
    context.close()
    assert faults == []


@pytest.fixture(scope="session")
def photo() -> bytes:
    """80 x 60: red on the left, green on the right, noise above all."""
    random = np.random.default_rng(0)
    pixels = np.zeros((60, 80, 3))
    pixels[:, :40, 0], pixels[:, 40:, 1] = 150, 150
    file = io.BytesIO()
    noisy = (pixels + random.normal(0, 30, pixels.shape)).clip(0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(file, "PNG")
    return file.getvalue()
