"""Screenshots of the page for docs/page.md: a desktop in light colours, a phone in dark ones.

python docs/page_pictures.py     # needs playwright and Chromium
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

import pixelwise
from pixelwise.serve import create_app

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from running_service import running

IMAGES = Path(__file__).parent / "images"


def main() -> None:
    app = create_app({"default": pixelwise.load("default")})
    with running(app) as client, sync_playwright() as driver:
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        address = str(client.base_url)
        desktop(browser, address)
        phone(browser, address)
        browser.close()


def desktop(browser: Browser, address: str) -> None:
    """The astronaut, the net's labels on the left of the divider, the CRF's on the right."""
    page = browser.new_page(viewport={"width": 1240, "height": 860}, color_scheme="light")
    page.goto(address)
    page.click("button[data-name='astronaut.jpg']")
    page.wait_for_selector("#work", state="visible")
    page.fill("#compare", "45")
    page.wait_for_timeout(500)
    page.screenshot(path=IMAGES / "page_desktop.png")


def phone(browser: Browser, address: str) -> None:
    """The cat, cut out."""
    page = browser.new_page(viewport={"width": 390, "height": 700}, color_scheme="dark")
    page.goto(address)
    page.click("button[data-name='chelsea.jpg']")
    page.wait_for_selector("#work", state="visible")
    page.check("input[value=cutout]", force=True)
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_timeout(500)
    page.screenshot(path=IMAGES / "page_phone.png")


if __name__ == "__main__":
    main()
