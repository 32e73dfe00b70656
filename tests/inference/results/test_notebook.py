"""What notebooks show, without a notebook."""

import io
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from tiny_model import CLASSES, tiny_info

from pixelwise.core.classes import Classes
from pixelwise.core.errors import MissingExtraError
from pixelwise.inference import Predictor, Segmentation
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.results import notebook
from pixelwise.inference.results.tints import tints


class Read(HTMLParser):
    """Texts and tags of HTML; every tag that opens closes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def halves(classes: Classes = CLASSES) -> Segmentation:
    """Left half background, right half the class with id 1."""
    scores = np.zeros((4, 4, 6), np.float32)
    scores[0, :, :3] = scores[1, :, 3:] = 5e4
    photo = np.full((400, 1000, 3), 128, np.uint8)
    return Segmentation(scores, (400, 1000), classes, photo, lambda: photo)


def test_a_result_shows_itself_as_a_small_picture() -> None:
    with Image.open(io.BytesIO(halves()._repr_png_())) as shown:
        assert shown.format == "PNG" and max(shown.size) == 480


def test_a_result_shows_its_classes_beside_the_picture() -> None:
    read = Read(halves()._repr_html_())
    assert read.tags.count("img") == 1
    assert read.texts == [
        *("class", "area", "confidence"),
        *("background", "50.0%", "100.0%", "red", "50.0%", "100.0%"),
        "scored on a copy reduced to 6x4",
    ]


def test_names_of_classes_are_no_markup() -> None:
    html = halves(Classes.named(["background", "<script>alert(1)</script>\x1b", "b", "c"]))._repr_html_()
    assert "<script>alert(1)</script>\\x1b" in Read(html).texts and "script" not in Read(html).tags


def test_a_predictor_shows_its_card(predictor: Predictor) -> None:
    assert repr(predictor) == (
        "<Predictor tiny: 4 classes (background, red, green, blue), OnnxEngine on cpu>"
    )
    texts = Read(predictor._repr_html_()).texts
    assert texts[0] == "tiny"
    assert {
        "background",
        "red",
        "green",
        "blue",
        "device",
        "cpu",
        "at most 64 pixels on the longer side",
    } <= set(texts)


def test_the_card_has_what_training_recorded_and_leaves_out_the_rest() -> None:
    recipe = {"name": "voc", "data": "voc:here", "val_split": "val"}
    info = ModelInfo("x", CLASSES, 64, {}, {"recipe": recipe, "val": {"mean_iou": 0.683}})
    texts = Read(notebook.predictor_html(info, {})).texts
    place = texts.index("mean IoU on val")
    assert texts[place + 1] == "68.3%" and "voc:here" in texts
    assert "recipe" not in Read(notebook.predictor_html(tiny_info(), {})).texts, "of another form"


def test_a_batch_counts_its_pictures(predictor: Predictor, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    photos = [np.full((8, 8, 3), shade, np.uint8) for shade in (0, 100, 200)]
    plain = [result.labels.tolist() for result in predictor.batch(photos)]
    assert capsys.readouterr().err == ""
    shown = [result.labels.tolist() for result in predictor.batch(photos, progress=True)]
    assert shown == plain and "3/3" in capsys.readouterr().err
    assert len(list(predictor.batch(iter(photos), progress=True))) == 3, "of unknown number"
    assert "3picture" in capsys.readouterr().err


def test_a_plot_has_the_overlay_and_a_legend() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    _, (left, right) = pyplot.subplots(ncols=2)
    assert halves().plot(right) is right and not left.images
    shown, legend = right.images[0].get_array(), right.get_legend()
    assert shown is not None and shown.shape == (400, 1000, 3)
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["background 50.0%", "red 50.0%"]
    colour = np.array(legend.get_patches()[1].get_facecolor()[:3])
    assert (colour * 255).round().tolist() == list(tints(CLASSES)[1])
    assert halves().plot() not in (left, right)
    names = Classes.named(["_background_", "$10$ \x1b", "b", "c"])
    legend = halves(names).plot().get_legend()
    assert legend is not None
    legend.figure.canvas.draw()
    assert [text.get_text() for text in legend.get_texts()] == ["_background_ 50.0%", "$10$ \\x1b 50.0%"]
    assert not any(text.get_parse_math() for text in legend.get_texts())
    pyplot.close("all")


@pytest.mark.parametrize("package", ["matplotlib", "tqdm"])
def test_a_missing_package_is_named_with_its_cure(
    package: str, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = [name for name in sys.modules if name.split(".")[0] == package]
    for name in (package, *loaded):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError) as caught:
        halves().plot() if package == "matplotlib" else predictor.batch([], progress=True)
    assert caught.value.hint == 'pip install "pixelwise[notebook]"'
