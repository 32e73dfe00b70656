"""The pointer and the keyboard on the page's picture, in a real browser."""

import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from page_steps import drop
from PIL import Image

pytestmark = pytest.mark.slow

Place = tuple[float, float]


@pytest.fixture
def phone(browser: Any, page_service: httpx.Client) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(str(page_service.base_url))
    yield page
    context.close()


def touch(page: Any, *moments: list[Place]) -> None:
    """Fingers at places of the canvas, as shares of its size, from moment to moment; then they are lifted."""
    page.locator(
        "#canvas"
    ).scroll_into_view_if_needed()  # which waits until an earlier swipe has come to rest
    box = page.locator("#canvas").bounding_box()
    fingers = page.context.new_cdp_session(page)
    for number, places in enumerate(moments):
        points = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"], "id": finger}
            for finger, (x, y) in enumerate(places)
        ]
        kind = "touchMove" if number else "touchStart"
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def pressed(page: Any) -> list[str]:
    names: list[str] = page.locator("#classes [aria-pressed=true] .name").all_inner_texts()
    return names


def test_a_tap_isolates_a_class_and_a_swipe_only_scrolls(phone: Any, photo: bytes) -> None:
    drop(phone, photo)
    touch(phone, *([(0.2, 0.9 - 0.1 * step)] for step in range(9)))
    assert pressed(phone) == []
    touch(phone, [(0.2, 0.5)])
    phone.wait_for_selector("#classes [aria-pressed=true]")
    assert pressed(phone) == ["red"]
    assert phone.inner_text("#readout").startswith("red, ")


def test_a_second_finger_does_not_join_the_stroke_of_the_first(phone: Any, photo: bytes) -> None:
    drop(phone, photo)
    phone.check("input[value=more]", force=True)
    with phone.expect_request(lambda request: request.url.endswith("/result")) as sent:
        touch(
            phone,
            [(0.1, 0.5)],
            [(0.2, 0.5), (0.9, 0.9)],
            [(0.3, 0.5), (0.9, 0.8)],
        )
    (scribble,) = sent.value.post_data_json["scribbles"]
    assert scribble["points"][0] == [pytest.approx(8, abs=1), pytest.approx(30, abs=1)]
    assert max(x for x, _ in scribble["points"]) < 40


def test_the_cursor_of_a_large_picture_is_not_taken_outside_a_small_one(page: Any, photo: bytes) -> None:
    drop(page, photo)
    page.focus("#canvas")
    for _ in range(10):
        page.keyboard.press("Shift+ArrowRight")
    file = io.BytesIO()
    Image.new("RGB", (20, 10), (200, 0, 0)).save(file, "PNG")
    drop(page, file.getvalue(), name="small.png")
    page.wait_for_selector("#command >> text=small.png")
    page.focus("#canvas")
    page.keyboard.press("Enter")
    assert page.inner_text("#readout").startswith("red, ")
    assert pressed(page) == ["red"]
