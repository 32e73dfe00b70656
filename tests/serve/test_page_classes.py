"""What the page offers and its lines say for models and files of all kinds, in a real browser."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from page_steps import areas, drop
from PIL import Image
from running_service import running
from tiny_model import tiny_info, tiny_model

from pixelwise.core.classes import Classes
from pixelwise.inference.engines.onnx import OnnxEngine
from pixelwise.inference.model_files.model_file import bundled_names
from pixelwise.inference.predictor import Predictor
from pixelwise.serve import create_app
from pixelwise.serve.sessions.change import Change

pytestmark = pytest.mark.slow


def test_files_of_a_model_without_a_background_hold_all_classes(browser: Any, photo: bytes) -> None:
    info = tiny_info()
    whole = replace(info, classes=Classes(("other", *info.classes.names[1:]), info.classes.palette))
    with running(create_app({"whole": Predictor(OnnxEngine(tiny_model(), 1), whole)})) as client:
        page = browser.new_page()
        page.goto(str(client.base_url))
        drop(page, photo)
        page.click("#classes button[data-id='1']")
        assert page.is_disabled("#cutout")
        assert "Files hold all classes" in page.inner_text("#isolating")
        assert page.inner_text("#command").endswith("--crf-preset page.json --save mask,overlay")
        assert page.inner_text("#python").splitlines()[-1] == 'result.save("result", ["mask", "overlay"])'
        with page.expect_download() as download:
            page.click("text=Mask")
        with Image.open(download.value.path()) as mask:
            assert set(np.unique(np.asarray(mask))) == {1, 2}
        page.close()


def test_an_isolated_class_whose_last_pixel_went_can_be_deselected(page: Any, photo: bytes) -> None:
    drop(page, photo)
    page.check("input[value=more]", force=True)
    page.select_option("#pen-class", label="blue")
    page.focus("#canvas")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Enter")
    page.click("#classes button[data-id='3']")
    assert "--only blue" in page.inner_text("#command")
    page.click("#undo")
    page.wait_for_selector("#classes >> text=nowhere in the picture now")
    page.click("#classes button[data-id='3']")
    assert "--only" not in page.inner_text("#command")
    assert areas(page).keys() == {"red", "green"}


def test_a_file_name_is_never_an_option_of_the_command(page: Any, photo: bytes) -> None:
    drop(page, photo, name="-o.png")
    assert page.inner_text("#command").startswith("pixelwise segment ./-o.png ")
    assert 'predictor("-o.png")' in page.inner_text("#python")


def test_the_description_of_the_api_has_the_fields_of_bodies(page: Any, page_service: httpx.Client) -> None:
    page.goto(f"{page_service.base_url}/api")
    place = page.locator("section", has_text="POST /v1/sessions/{session}/result")
    place.locator("h3", has_text="Body").wait_for()
    assert set(Change.model_fields) <= set(place.locator("th").all_inner_texts())


def test_the_page_knows_which_models_have_no_path() -> None:
    code = (Path(__file__).parents[2] / "web/src/code.ts").read_text()
    (names,) = re.findall(r"const BUNDLED = \[(.*)\];", code)
    assert {name.strip(' "') for name in names.split(",")} == set(bundled_names())
