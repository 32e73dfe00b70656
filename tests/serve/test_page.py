"""The page in a real browser: drop a file, move a slider, scribble, download; and its build."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from page_steps import areas, canvas_sum, drop, slide
from PIL import Image
from running_service import running, until

import pixelwise
from pixelwise.crf import load_preset
from pixelwise.inference.predictor import Predictor
from pixelwise.serve import create_app
from pixelwise.serve.page import FOLDER
from pixelwise.serve.sessions.change import Change

pytestmark = pytest.mark.slow

WEB = Path(__file__).parents[2] / "web"


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_photo_that_is_dropped_or_pasted_is_segmented(page: Any, photo: bytes, kind: str) -> None:
    drop(page, photo, kind)
    assert areas(page).keys() == {"red", "green"}
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] / 2)
    assert page.inner_text("#readout").startswith("red, ")
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2)
    assert page.inner_text("#readout").startswith("green, ")


def test_an_example_is_opened(page: Any) -> None:
    page.click("button[data-name='astronaut.jpg']")
    page.wait_for_selector("#work", state="visible")
    assert page.locator("#classes li").count() >= 2


def test_a_slider_redraws_and_the_code_follows(page: Any, photo: bytes) -> None:
    drop(page, photo)
    before = canvas_sum(page)
    slide(page, "iterations", "Home")
    until(lambda: page.inner_text("#time") != "")
    assert canvas_sum(page) != before
    line = "pixelwise segment 'my photo.png' --model tiny --save mask,overlay,cutout"
    assert page.inner_text("#command") == line
    assert page.inner_text("#remark") == "In the lines below, write the path of the model in place of tiny."
    slide(page, "iterations", "ArrowRight")
    slide(page, "w1", "End")
    command, python = page.inner_text("#command"), page.inner_text("#python")
    assert "--crf-preset page.json" in command
    assert "w1=30" in python
    assert "iterations=1," in python
    page.click("#reset")
    assert "iterations=10," in page.inner_text("#python")


def test_the_python_lines_give_the_labels_of_the_page(
    page: Any, photo: bytes, tiny: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(page, photo)
    slide(page, "theta_beta", "End")
    page.click("#classes button[data-id='1']")
    with page.expect_download() as download:
        page.click("text=Mask")
    shown = np.asarray(Image.open(download.value.path()))
    (tmp_path / "my photo.png").write_bytes(photo)
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(
            pixelwise,
            "load",
            lambda name, crf: Predictor(tiny.engine, tiny.info, None, pixelwise.inference.CRFRefiner(crf)),
        )
        exec(page.inner_text("#python"), {})
    written = np.asarray(Image.open(tmp_path / "result_mask.png"))
    assert written.shape == shown.shape == (60, 80)
    assert set(np.unique(shown)) == {0, 1}
    assert (written == shown).mean() > 0.995


def test_a_scribble_changes_its_region_and_is_undone(page: Any, photo: bytes) -> None:
    drop(page, photo)
    assert "blue" not in areas(page)
    page.check("input[value=more]", force=True)
    page.select_option("#pen-class", label="blue")
    box = page.locator("#canvas").bounding_box()
    with page.expect_response(lambda answer: answer.url.endswith("/result")):
        page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.3)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.4, steps=6)
        page.mouse.up()
    page.wait_for_selector("#classes >> text=blue")
    page.click("#undo")
    page.wait_for_selector("#classes >> text=blue", state="detached")
    assert page.is_disabled("#undo")


def test_no_stroke_is_drawn_that_the_service_would_refuse(page: Any, photo: bytes) -> None:
    drop(page, photo)
    page.check("input[value=more]", force=True)
    page.focus("#canvas")
    page.keyboard.press("Shift+ArrowLeft")
    most = Change.model_json_schema()["properties"]["scribbles"]["maxItems"]
    for _ in range(most + 1):
        page.keyboard.press("Enter")
    assert page.inner_text("#status") == f"The service takes at most {most} strokes. Undo some first."
    with page.expect_response(lambda answer: answer.url.endswith("/result")) as answered:
        page.click("#undo")
    assert answered.value.status == 200


def test_everything_works_by_keyboard(page: Any, photo: bytes) -> None:
    page.locator("#file").focus()
    assert page.evaluate("document.activeElement.id") == "file"
    drop(page, photo)
    page.focus("#canvas")
    page.keyboard.press("Shift+ArrowLeft")
    assert page.inner_text("#readout").startswith("red, ")
    page.keyboard.press("Enter")
    assert page.get_attribute("#classes button[data-id='1']", "aria-pressed") == "true"
    assert "--only red" in page.inner_text("#command")
    page.focus("#classes button[data-id='1']")
    page.keyboard.press("Space")
    assert page.evaluate("document.activeElement.dataset.id") == "1"
    assert "--only" not in page.inner_text("#command")


def test_files_are_downloaded(page: Any, photo: bytes, tmp_path: Path) -> None:
    drop(page, photo)
    found = {}
    for button in ("Mask", "Cutout", "Overlay", "labelme", "GeoJSON", "CRF preset"):
        with page.expect_download() as download:
            page.click(f"#downloads >> text={button}")
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        found[button] = path
    assert [path.name for path in found.values()] == [
        "my photo_mask.png",
        "my photo_cutout.png",
        "my photo_overlay.jpg",
        "my photo.json",
        "my photo.geojson",
        "page.json",
    ]
    with Image.open(found["Mask"]) as mask:
        assert mask.size == (80, 60)
    assert json.loads(found["labelme"].read_text())["imagePath"] == "my photo.png"
    assert load_preset(found["CRF preset"]).theta_alpha == 67


def test_a_session_that_ended_is_opened_again(browser: Any, photo: bytes, page_service: httpx.Client) -> None:
    page = browser.new_page()
    page.goto(str(page_service.base_url))
    with page.expect_response(lambda answer: "/v1/sessions?" in answer.url) as opened:
        drop(page, photo)
    page_service.delete(f"/v1/sessions/{opened.value.json()['session']}")
    before = canvas_sum(page)
    with page.expect_response(lambda answer: "/v1/sessions?" in answer.url):
        slide(page, "iterations", "Home")
    until(lambda: page.inner_text("#time") != "")
    assert canvas_sum(page) != before
    assert "fault" not in str(page.get_attribute("#status", "class"))
    page.close()


def test_the_page_fits_a_phone_and_names_every_control(browser: Any, page_service: httpx.Client) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark", has_touch=True)
    page = context.new_page()
    page.goto(str(page_service.base_url))
    page.click("button[data-name='chelsea.jpg']")
    page.wait_for_selector("#work", state="visible")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, select, input")]
            .filter((control) => control.offsetParent !== null)
            .filter((control) => !(control.textContent.trim() || control.labels?.[0]?.textContent.trim()
                || control.getAttribute("aria-label") || control.querySelector("img")?.alt))
            .map((control) => control.outerHTML)"""
    )
    assert unnamed == []
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 21, 28)"
    context.close()


def test_the_description_of_the_api_is_shown(page: Any, page_service: httpx.Client) -> None:
    page.goto(f"{page_service.base_url}/api")
    page.wait_for_selector("text=POST /v1/segment")
    assert "curl http://127.0.0.1" in page.inner_text("#curl")


def test_the_page_asks_for_the_key(browser: Any, tiny: Predictor, photo: bytes) -> None:
    with running(create_app({"tiny": tiny}, key="opensesame")) as client:
        page = browser.new_page()
        page.goto(str(client.base_url))
        page.fill("#key", "opensesame")
        page.keyboard.press("Enter")
        page.wait_for_selector("#model option", state="attached")
        drop(page, photo)
        assert areas(page).keys() == {"red", "green"}
        page.close()


def test_the_page_loads_nothing_from_elsewhere() -> None:
    files = [path for path in FOLDER.rglob("*") if path.suffix in (".html", ".js", ".css", ".svg")]
    assert {path.name for path in files} == {
        "index.html",
        "api.html",
        "index.js",
        "api.js",
        "style.css",
        "icon.svg",
    }
    for path in files:
        text = path.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert "//" not in text.replace("://", "//") or "http" not in text, path
        assert "<style" not in text
        assert " style=" not in text
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 250_000


@pytest.mark.skipif(not (WEB / "node_modules/vite").is_dir(), reason="needs `npm ci` in web/: make page")
def test_the_build_of_the_page_is_what_its_sources_give(tmp_path: Path) -> None:
    environment = {**os.environ, "PAGE_OUTPUT": str(tmp_path / "static")}
    done = subprocess.run(["npm", "run", "build"], cwd=WEB, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    built, committed = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "static", FOLDER)
    )
    assert built.keys() == committed.keys()
    assert [name for name in built if built[name] != committed[name]] == []
