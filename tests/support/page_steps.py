"""What a user does on the page of `pixelwise serve`, and what it then shows."""

import base64
from typing import Any

ELSEWHERE = "pixelwise.test"
"""A name of this machine whose pages the browser treats like those of another machine."""


def drop(page: Any, content: bytes, kind: str = "drop", name: str = "my photo.png") -> None:
    """Drop or paste a file, and wait until it is shown."""
    begin_drop(page, content, kind, name)
    page.wait_for_selector("#work", state="visible")
    page.wait_for_selector("body:not(.busy)")


def begin_drop(page: Any, content: bytes, kind: str = "drop", name: str = "my photo.png") -> None:
    """Drop or paste a file."""
    page.evaluate(
        """([kind, content, name]) => {
            const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], name, { type: "image/png" }));
            const options = { dataTransfer: data, clipboardData: data, bubbles: true, cancelable: true };
            const Kind = kind === "drop" ? DragEvent : ClipboardEvent;
            document.dispatchEvent(new Kind(kind, options));
        }""",
        [kind, base64.b64encode(content).decode(), name],
    )


def areas(page: Any) -> dict[str, str]:
    """The numbers of each class in the list."""
    names, numbers = page.locator("#classes .name"), page.locator("#classes .numbers")
    return dict(zip(names.all_inner_texts(), numbers.all_inner_texts(), strict=True))


def slide(page: Any, name: str, key: str) -> None:
    """Move a slider and wait for the answer."""
    with page.expect_response(lambda answer: answer.url.endswith("/result")):
        page.focus(f"#{name}")
        page.keyboard.press(key)


def canvas_sum(page: Any) -> int:
    """A number that differs between pictures on the canvas."""
    found: int = page.evaluate(
        """() => {
            const canvas = document.getElementById("canvas");
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return data.reduce((sum, value, place) => (31 * sum + value * (place % 97)) % 1000003, 0);
        }"""
    )
    return found
