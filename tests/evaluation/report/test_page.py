"""The report's page: complete, self-contained, and rendered by a real browser."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.data import open_dataset
from pixelwise.evaluation import details
from pixelwise.evaluation.evaluation import evaluate
from pixelwise.evaluation.report import charts
from pixelwise.evaluation.report.gallery import exhibits
from pixelwise.evaluation.report.page import write_report
from pixelwise.inference.predictor import Predictor

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

# Writes into the title: pictures, those not loaded, charts, pixels by which content sticks out sideways.
PROBE = """<script>addEventListener("load", () => {
  const images = [...document.images];
  const broken = images.filter(image => !image.complete || !image.naturalWidth);
  const over = document.documentElement.scrollWidth - innerWidth;
  document.title = [images.length, broken.length, document.querySelectorAll("svg").length, over].join(" ");
})</script>"""


@pytest.fixture
def written(tmp_path: Path, predictor: Predictor) -> Path:
    """The report of the tiny model on six pictures, one class of which has a name that is markup."""
    data = tmp_path / "data"
    for kind in ("images", "labels"):
        (data / kind).mkdir(parents=True)
    (data / "classes.txt").write_text("background\nred\ngreen\nblue\n<b>other & more\n")
    rng = np.random.default_rng(0)
    for index in range(6):
        labels = np.zeros((48, 64), np.uint8)
        labels[10:30, 8:40] = 1 + index % 3
        labels[20:44, 36:60] = 1 + (index + 1) % 3
        labels[0, :9] = 255
        labels[47, :9] = 4
        colours = np.array([(20, 20, 20), (250, 0, 0), (0, 250, 0), (0, 0, 250)], np.uint8)
        image = colours[np.roll(np.minimum(labels, 3), index, axis=1)] // rng.integers(1, 3, (48, 64, 1))
        Image.fromarray(image.astype(np.uint8)).save(data / f"images/picture_{index}.png")
        Image.fromarray(labels).save(data / f"labels/picture_{index}.png")
    dataset = open_dataset(f"folder:{data}", "all")
    evaluation = evaluate(predictor, dataset, details=details.ALL)
    content = {"model": "tiny <i>", "data": dataset.name, "views": "single scale", "crf": None}
    content |= evaluation.to_dict()
    page = write_report(
        tmp_path / "report", content, predictor.classes, exhibits(evaluation, predictor, dataset)
    )
    assert page == tmp_path / "report/index.html"
    return page


def test_the_page_needs_nothing_else(written: Path) -> None:
    html = written.read_text()
    sources = re.findall(r'\b(?:src|href)="([^"]*)"', html)
    assert len(sources) == 6 * 4
    assert all(source.startswith("data:image/") for source in sources)
    assert not re.search(r"https?://|@import|url\(|<script|<link", html)
    assert sorted(path.name for path in written.parent.iterdir()) == ["evaluation.json", "index.html"]


def test_the_page_has_every_section_with_its_convention(written: Path) -> None:
    html = written.read_text()
    assert re.findall("<h2>(.*?)</h2>", html) == [
        *("Summary", "Classes", "Confusion", "Near borders", "Calibration", "By size"),
        *("Worst images", "Median images", "Best images"),
    ]
    content = json.loads((written.parent / "evaluation.json").read_text())
    assert f"<b>{100 * content['mean_iou']:.2f}<i>%</i></b>" in html
    assert content["convention"] in html
    assert content["interval_convention"] in html
    for name in details.ALL:
        assert content[name]["convention"][1:] in html, name
    assert html.count('<table class="matrix roomy">') == 2
    assert html.count("<svg") == 3


def test_the_page_says_why_a_recall_or_a_precision_alone_is_a_dash(written: Path) -> None:
    (sentence,) = re.findall("A dash: not defined, as are (.*?)[.]", written.read_text())
    assert sentence.split(", ") == [
        "the recall of a class that is not in the truth",
        "the precision of one that is never predicted",
        "and all figures of one that is neither",
    ]


def test_names_are_text_and_never_markup(written: Path) -> None:
    html = written.read_text()
    assert "<h1>tiny &lt;i&gt;</h1>" in html
    assert "&lt;b&gt;other &amp; more" in html  # among the classes counted as void
    assert "<b>other" not in html


class Nesting(HTMLParser):
    """Fails where an end tag does not close what was opened last."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_element_is_closed(written: Path) -> None:
    parser = Nesting()
    parser.feed(written.read_text())
    assert parser.open == []


def test_curves_run_from_left_to_right_and_higher_shares_lie_higher() -> None:
    line = charts.Line("mean IoU", "first", [(1, 0.5), (2, None), (3, 0.9)])
    svg = charts.curves([line], "title", "width", "per cent")
    (points,) = re.findall('points="(.*?)"', svg)
    (x1, y1), (x2, y2) = (map(float, point.split(",")) for point in points.split())
    assert x1 < x2
    assert y1 > y2  # SVG counts rows from the top
    assert charts.curves([charts.Line("empty", "first", [(1, None)])], "title", "x", "y") == ""


Browser = Callable[..., str]


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    """Run a headless Chromium with more arguments; gives what it prints."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    quiet = ["disable-background-networking", "disable-component-update", "disable-sync", "no-first-run"]
    flags = [f"--{name}" for name in ("headless", "no-sandbox", "disable-gpu", "hide-scrollbars", *quiet)]

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [CHROMIUM, *flags, f"--user-data-dir={tmp_path / 'profile'}", *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(1280, 1600), (390, 1600)])
def test_a_browser_renders_the_page(
    written: Path, browser: Browser, tmp_path: Path, width: int, height: int
) -> None:
    shot = tmp_path / "shot.png"
    window = f"--window-size={width},{height}"
    browser(window, f"--screenshot={shot}", written.as_uri())
    with Image.open(shot) as picture:
        assert picture.size == (width, height)
        pixels = np.asarray(picture.convert("RGB"))
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 100  # text, charts and bars, not a blank page
    assert all((np.ptp(strip, axis=(0, 1)) > 60).all() for strip in np.split(pixels, 8))

    probed = tmp_path / "probed.html"
    probed.write_text(written.read_text().replace("</body>", f"{PROBE}</body>"))
    title = re.search("<title>(.*?)</title>", browser(window, "--dump-dom", probed.as_uri()))
    assert title is not None
    assert title[1] == "24 0 3 0"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a long name of a class " * 5, "along" * 20])
def test_long_names_of_classes_hide_no_figures(
    written: Path, browser: Browser, tmp_path: Path, name: str
) -> None:
    probe = """<script>addEventListener("load", () => {
      const over = [...document.querySelectorAll(".scroll")].map(part => part.scrollWidth - part.clientWidth);
      document.title = Math.max(...over);
    })</script>"""
    probed = tmp_path / "probed.html"
    html = written.read_text().replace(">green<", f">{name}<")
    probed.write_text(html.replace("</body>", f"{probe}</body>"))
    dom = browser("--window-size=1280,1600", "--dump-dom", probed.as_uri())
    assert re.findall("<title>(.*?)</title>", dom)[0] == "0"


@pytest.mark.slow
def test_names_stay_in_view_where_a_table_is_moved_sideways(
    written: Path, browser: Browser, tmp_path: Path
) -> None:
    probe = """<script>addEventListener("load", () => {
      const left = element => element.getBoundingClientRect().left;
      const parts = [...document.querySelectorAll(".scroll")].filter(part => part.scrollWidth > 600);
      for (const part of parts) part.scrollLeft = 50;
      const moved = parts.map(part => [part.scrollLeft, left(part.querySelector("td, th")) - left(part)]);
      document.title = JSON.stringify(moved);
    })</script>"""
    probed = tmp_path / "probed.html"
    probed.write_text(written.read_text().replace("</body>", f"{probe}</body>"))
    dom = browser("--window-size=500,1600", "--dump-dom", probed.as_uri())
    moved = json.loads(re.findall("<title>(.*?)</title>", dom)[0])
    assert len(moved) > 0
    assert moved == [[50, 0]] * len(moved)
