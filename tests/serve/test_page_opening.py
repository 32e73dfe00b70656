"""Opening photos on the page when something goes wrong or comes in between, in a real browser."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from page_steps import ELSEWHERE, areas, begin_drop, canvas_sum, drop
from PIL import ExifTags, Image, ImageOps
from running_service import running

from pixelwise.inference.predictor import Predictor
from pixelwise.serve import create_app

pytestmark = pytest.mark.slow


@pytest.fixture
def tab(browser: Any, service: httpx.Client) -> Iterator[Any]:
    """A page of the models "tiny" and "other", on which requests may fail."""
    context = browser.new_context()
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(str(service.base_url))
    page.wait_for_selector("#model option", state="attached")
    yield page
    context.close()


def said(page: Any) -> tuple[str, bool]:
    """The line of messages, and whether it is a fault."""
    return page.inner_text("#status"), "fault" in page.get_attribute("#status", "class").split()


def encoded(photo: bytes, kind: str) -> bytes:
    file = io.BytesIO()
    with Image.open(io.BytesIO(photo)) as opened:
        opened.save(file, kind)
    return file.getvalue()


def test_the_fault_of_a_file_that_another_followed_is_not_shown(tab: Any, photo: bytes) -> None:
    held: list[Any] = []
    tab.route("**/v1/sessions?*", lambda route: route.continue_() if held else held.append(route))
    begin_drop(tab, photo, name="first.png")
    until_held(tab, held)
    drop(tab, photo, name="second.png")
    with tab.expect_event("requestfinished"):
        held[0].fulfill(status=400, json={"error": "the first is damaged", "hint": None})
    tab.wait_for_timeout(100)
    assert said(tab) == ("scored on a copy reduced to 64x48", False)
    assert "second.png" in tab.inner_text("#command")


def until_held(page: Any, held: list[Any]) -> None:
    for _ in range(1500):
        if held:
            return
        page.wait_for_timeout(20)
    raise AssertionError("the page asks for no session")


def test_what_is_wrong_with_a_damaged_file_is_said(tab: Any, photo: bytes) -> None:
    jpeg = encoded(photo, "JPEG")
    begin_drop(tab, jpeg[: len(jpeg) // 2], name="half.jpg")
    tab.wait_for_selector("#status.fault")
    assert "damaged or truncated JPEG" in said(tab)[0]


def test_a_file_that_the_browser_cannot_show_leaves_no_session_open(tab: Any, photo: bytes) -> None:
    with tab.expect_request(lambda request: request.method == "DELETE"):
        begin_drop(tab, encoded(photo, "TIFF"), name="scan.tif")
    tab.wait_for_selector("#status.fault")
    assert said(tab)[0] == "this browser cannot show such a file: choose a JPEG, PNG or WebP"


def test_another_model_segments_what_is_shown_or_being_opened(tab: Any, photo: bytes) -> None:
    held: list[Any] = []
    tab.route("**/v1/sessions?*", lambda route: route.continue_() if held else held.append(route))
    begin_drop(tab, photo)
    until_held(tab, held)
    tab.select_option("#model", "other")
    tab.wait_for_selector("#command >> text=--model other")
    tab.click("#another")
    assert tab.evaluate("document.activeElement.id") == "file"
    tab.select_option("#model", "tiny")
    assert not tab.locator("body.busy").count()
    assert not tab.is_visible("#work")


def test_a_service_that_has_stopped_is_said_to_be_silent(tab: Any, photo: bytes) -> None:
    drop(tab, photo)
    tab.context.set_offline(True)
    tab.click("#forward")
    tab.wait_for_selector("#status.fault")
    assert said(tab)[0] == "the service does not answer: is it still running?"


def test_a_file_that_has_gone_is_not_the_fault_of_the_service(tab: Any, photo: bytes, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(photo)
    tab.set_input_files("#file", tmp_path / "photo.png")
    tab.wait_for_selector("#work", state="visible")
    (tmp_path / "photo.png").unlink()
    tab.select_option("#model", "other")
    tab.wait_for_selector("#status.fault")
    assert said(tab)[0].startswith("the browser cannot read this file: ")


def test_a_wrong_key_is_asked_for_again_and_no_key_ends_the_request(
    browser: Any, tiny: Predictor, photo: bytes
) -> None:
    with running(create_app({"tiny": tiny}, key="opensesame")) as client:
        page = browser.new_page()
        page.goto(str(client.base_url))
        page.fill("#key", "sésame")
        page.keyboard.press("Enter")
        assert page.is_visible("#key-dialog"), "no header can hold it"
        page.fill("#key", "sesame")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=This key is wrong.")
        page.keyboard.press("Escape")
        page.wait_for_selector("#status.fault")
        assert said(page)[0] == "this service needs its API key"
        begin_drop(page, photo)
        page.fill("#key", "opensesame ")
        page.keyboard.press("Enter")
        page.wait_for_selector("#work", state="visible")
        assert areas(page).keys() == {"red", "green"}
        page.close()


def test_lines_are_copied_on_pages_of_other_machines_too(
    browser: Any, page_service: httpx.Client, photo: bytes
) -> None:
    page = browser.new_page()
    page.goto(f"http://{ELSEWHERE}:{page_service.base_url.port}")
    assert not page.evaluate("window.isSecureContext")
    drop(page, photo)
    page.click(".copy >> nth=0")
    page.wait_for_selector(".copy >> text=Copied")
    page.close()


def test_a_webp_photo_is_turned_as_the_service_turns_it(tab: Any, photo: bytes) -> None:
    for orientation in range(2, 9):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        stored = io.BytesIO()
        with Image.open(io.BytesIO(photo)) as opened:
            opened.save(stored, "WEBP", lossless=True, exif=exif)
        turned = io.BytesIO()
        with Image.open(stored) as opened:
            ImageOps.exif_transpose(opened).save(turned, "PNG")
        shown = []
        for name, content in (("turned", turned), ("stored", stored)):
            drop(tab, content.getvalue(), name=f"{name}{orientation}")
            tab.wait_for_selector(f"#command >> text={name}{orientation}")
            shown.append(canvas_sum(tab))
        assert shown[0] == shown[1], orientation
