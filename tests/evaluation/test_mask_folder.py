"""Masks that another program made, judged as a model's results are."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import pixelwise
from pixelwise.cli.main import app
from pixelwise.core.classes import voc_palette
from pixelwise.core.errors import DataError
from pixelwise.core.pictures.label_pictures import VOID_COLOUR

Rows = list[list[int]]
TRUTH: dict[str, Rows] = {"a": [[0, 1, 2, 255]], "b": [[0, 0, 1, 1]]}
MASKS: dict[str, Rows] = {"a": [[0, 1, 1, 0]], "b": [[0, 1, 1, 1]]}
CONFUSION = [[2, 1, 0], [0, 3, 0], [0, 1, 0]]
"""Rows are truth: of background, cup and spoon in both pictures; the void pixel is not counted."""


@pytest.fixture
def data(tmp_path: Path) -> str:
    for kind in ("images", "labels", "masks"):
        (tmp_path / kind).mkdir()
    (tmp_path / "classes.txt").write_text("background\ncup\nspoon\n")
    for name, rows in TRUTH.items():
        Image.new("RGB", (4, 1), (90, 80, 70)).save(tmp_path / f"images/{name}.png")
        grey(tmp_path / f"labels/{name}.png", rows)
    return f"folder:{tmp_path}"


def grey(path: Path, rows: Rows) -> None:
    Image.fromarray(np.array(rows, np.uint8)).save(path)


def palette(path: Path, rows: Rows) -> None:
    image = Image.fromarray(np.array(rows, np.uint8))
    image.putpalette([channel for colour in voc_palette() for channel in colour])
    image.save(path)


def colours(path: Path, rows: Rows) -> None:
    shown = [*voc_palette(255), VOID_COLOUR]
    Image.fromarray(np.array(shown, np.uint8)[np.array(rows)]).save(path)


def array(path: Path, rows: Rows) -> None:
    np.save(path.with_suffix(".npy"), np.array(rows, np.int64))


@pytest.mark.parametrize("write", [grey, palette, colours, array])
@pytest.mark.parametrize("ending", ["", "_mask"])
def test_masks_of_every_form_give_the_counts_of_their_labels(
    data: str, tmp_path: Path, write: Callable[[Path, Rows], None], ending: str
) -> None:
    for name, rows in MASKS.items():
        write(tmp_path / f"masks/{name}{ending}.png", rows)
    result = pixelwise.evaluate(f"masks:{tmp_path / 'masks'}", data, "all")
    assert result.confusion.tolist() == CONFUSION
    assert result.classes.names == ("background", "cup", "spoon")
    assert result.images == 2
    assert result.summary()["pixel_accuracy"] == 5 / 7
    assert result.summary()["mean_iou"] == pytest.approx((2 / 3 + 3 / 5 + 0) / 3)


def test_masks_that_a_model_saved_are_judged_as_the_model_is(
    tmp_path: Path, predictor: pixelwise.Predictor
) -> None:
    random = np.random.default_rng(5)
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
    (tmp_path / "classes.txt").write_text("background\nred\ngreen\nblue\n")
    for name in ("a", "b", "c"):
        Image.fromarray(random.integers(0, 256, (12, 20, 3), np.uint8)).save(tmp_path / f"images/{name}.png")
        grey(tmp_path / f"labels/{name}.png", random.integers(0, 4, (12, 20)).tolist())
    pixelwise.segment_folder(tmp_path / "images", tmp_path / "masks", predictor, ["mask"])
    data = f"folder:{tmp_path}"
    details = ("trimap", "class_borders", "boundary", "sizes")
    masks, model = (
        pixelwise.evaluate(judged, data, "all", details=details).to_dict()
        for judged in (f"masks:{tmp_path / 'masks'}", predictor)
    )
    assert masks == model
    assert masks["pixel_accuracy"] > 0


def test_missing_masks_are_named_and_only_left_out_if_allowed(data: str, tmp_path: Path) -> None:
    grey(tmp_path / "masks/b.png", MASKS["b"])
    masks = f"masks:{tmp_path / 'masks'}"
    with pytest.raises(DataError, match=r"1 of 2 pictures .* have no mask in .*masks: a\n.*--allow-missing"):
        pixelwise.evaluate(masks, data, "all")
    result = pixelwise.evaluate(masks, data, "all", allow_missing=True)
    assert list(result.tally.ids) == ["b"]
    (tmp_path / "masks/b.png").rename(tmp_path / "masks/other.png")
    with pytest.raises(DataError, match="2 of 2 pictures"):
        pixelwise.evaluate(masks, data, "all", allow_missing=True)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0, 1, 1]], "a.png is 3 x 1 pixels, the labels of a 4 x 1"),
        ([[0, 1, 9, 0]], "a.png holds the ids 9, but only ids 0 to 2, 255 are known"),
        ([[255, 1, 1, 255]], r"a.png is void \(255\) in 1 pixels that have a label"),
    ],
)
def test_masks_that_do_not_fit_are_refused_by_name(
    data: str, tmp_path: Path, rows: Rows, message: str
) -> None:
    grey(tmp_path / "masks/a.png", rows)
    grey(tmp_path / "masks/b.png", MASKS["b"])
    with pytest.raises(DataError, match=message):
        pixelwise.evaluate(f"masks:{tmp_path / 'masks'}", data, "all")


def test_void_where_the_truth_is_void_costs_nothing(data: str, tmp_path: Path) -> None:
    grey(tmp_path / "masks/a.png", [[0, 1, 1, 255]])
    grey(tmp_path / "masks/b.png", MASKS["b"])
    result = pixelwise.evaluate(f"masks:{tmp_path / 'masks'}", data, "all")
    assert result.confusion.tolist() == CONFUSION


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.zeros((1, 4)), "holds float64 of shape"),
        (np.zeros((3, 1, 4), np.uint8), "for scores .* save scores.argmax"),
        (b"no array", "cannot be read: it is not a .npy file"),
    ],
)
def test_arrays_that_are_not_masks_are_refused_by_name(
    data: str, tmp_path: Path, content: object, message: str
) -> None:
    path = tmp_path / "masks/a.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, np.asarray(content))
    grey(tmp_path / "masks/b.png", MASKS["b"])
    with pytest.raises(DataError, match=rf"a\.npy .*{message}|{message}"):
        pixelwise.evaluate(f"masks:{tmp_path / 'masks'}", data, "all")


def test_two_masks_of_one_picture_are_refused(data: str, tmp_path: Path) -> None:
    for name, rows in MASKS.items():
        grey(tmp_path / f"masks/{name}.png", rows)
    array(tmp_path / "masks/a.npy", MASKS["a"])
    with pytest.raises(DataError, match="differ only in their ending"):
        pixelwise.evaluate(f"masks:{tmp_path / 'masks'}", data, "all")


@pytest.mark.parametrize("ids", [("a/0", "b/0"), ("0", "b/0")])
def test_a_mask_is_not_judged_for_two_pictures(tmp_path: Path, ids: tuple[str, str]) -> None:
    """Whose ids differ in their folder only."""
    Image.new("RGB", (4, 1)).save(tmp_path / "photo.png")
    grey(tmp_path / "labels.png", TRUTH["a"])
    lines = "".join(f"{id_},photo.png,labels.png\n" for id_ in ids)
    (tmp_path / "list.csv").write_text(f"id,image,label\n{lines}")
    (tmp_path / "classes.txt").write_text("background\ncup\nspoon\n")
    (tmp_path / "masks").mkdir()
    grey(tmp_path / "masks/0.png", MASKS["a"])
    data, masks = f"manifest:{tmp_path / 'list.csv'}", f"masks:{tmp_path / 'masks'}"
    with pytest.raises(DataError, match=rf"{ids[0]} and {ids[1]} would share the mask .*0.png\n.*b_0.png"):
        pixelwise.evaluate(masks, data, "all")
    for id_ in ids:
        (tmp_path / "masks" / id_).parent.mkdir(exist_ok=True)
        grey(tmp_path / f"masks/{id_}.png", MASKS["a"])
    assert pixelwise.evaluate(masks, data, "all").images == 2


def test_a_palette_of_class_colours_in_another_order_is_not_taken_for_ids(data: str, tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 1, 0]], np.uint8))
    image.putpalette([channel for id_ in (1, 0, 2) for channel in voc_palette()[id_]])
    image.save(tmp_path / "masks/a.png")
    grey(tmp_path / "masks/b.png", MASKS["b"])
    with pytest.raises(DataError, match="their numbers are not the class ids"):
        pixelwise.evaluate(f"masks:{tmp_path / 'masks'}", data, "all")


def test_unknown_colours_are_named(data: str, tmp_path: Path) -> None:
    Image.new("RGB", (4, 1), (1, 2, 3)).save(tmp_path / "masks/a.png")
    grey(tmp_path / "masks/b.png", MASKS["b"])
    with pytest.raises(DataError, match=r"a\.png holds the colours #010203"):
        pixelwise.evaluate(f"masks:{tmp_path / 'masks'}", data, "all")


def test_masks_may_hold_the_ids_of_the_label_files_or_0_and_255(tmp_path: Path, data: str) -> None:
    for name, rows in MASKS.items():
        grey(tmp_path / f"masks/{name}.png", [[id_ + 1 for id_ in row] for row in rows])
        grey(tmp_path / f"labels/{name}.png", [[(id_ + 1) % 256 for id_ in row] for row in TRUTH[name]])
    result = pixelwise.evaluate(f"masks:{tmp_path / 'masks'},ids=file", f"{data},zero=void", "all")
    assert result.confusion.tolist() == CONFUSION

    (tmp_path / "classes.txt").unlink()
    for name, rows in MASKS.items():
        grey(tmp_path / f"masks/{name}.png", [[255 * id_ for id_ in row] for row in rows])
        grey(tmp_path / f"labels/{name}.png", [[255 * (id_ == 1) for id_ in row] for row in TRUTH[name]])
    binary = f"{data},foreground=255"
    for option in ("foreground=255", "ids=file"):
        result = pixelwise.evaluate(f"masks:{tmp_path / 'masks'},{option}", binary, "all")
        assert result.confusion.tolist() == [[3, 2], [0, 3]]
    with pytest.raises(DataError, match=r"masks:.*,foreground=255"):
        pixelwise.evaluate(f"masks:{tmp_path / 'masks'}", binary, "all")


def test_selected_classes_merge_in_masks_as_in_the_data(data: str, tmp_path: Path) -> None:
    for name, rows in MASKS.items():
        grey(tmp_path / f"masks/{name}.png", rows)
    masks = f"masks:{tmp_path / 'masks'}"
    merged = pixelwise.evaluate(masks, data, "all", classes="background,thing=cup+spoon")
    assert merged.classes.names == ("background", "thing")
    assert merged.confusion.tolist() == [[2, 1], [0, 4]]
    left_out = pixelwise.evaluate(masks, data, "all", classes="spoon,background")
    assert left_out.classes.names == ("spoon", "background", "cup")
    assert left_out.confusion.tolist() == [[0, 0, 1], [0, 2, 1], [0, 0, 0]]


def test_masks_have_neither_probabilities_nor_settings(data: str, tmp_path: Path) -> None:
    for name, rows in MASKS.items():
        grey(tmp_path / f"masks/{name}.png", rows)
    masks = f"masks:{tmp_path / 'masks'}"
    with pytest.raises(ValueError, match="no probabilities, which calibration need"):
        pixelwise.evaluate(masks, data, "all", details=("calibration", "sizes"))
    with pytest.raises(ValueError, match="crf: masks are judged as they are"):
        pixelwise.evaluate(masks, data, "all", crf="densecrf")
    with pytest.raises(ValueError, match="allow_missing is for masks:FOLDER"):
        pixelwise.evaluate("default", data, "all", allow_missing=True)
    with pytest.raises(DataError, match="options that masks do not know: colour"):
        pixelwise.evaluate(f"{masks},colour=1", data, "all")
    with pytest.raises(DataError, match="nowhere is not a folder"):
        pixelwise.evaluate("masks:nowhere", data, "all")


def test_labels_of_0_and_255_alone_are_not_judged(
    tmp_path: Path, data: str, predictor: pixelwise.Predictor
) -> None:
    for name in TRUTH:
        grey(tmp_path / f"labels/{name}.png", [[0, 255, 255, 0]])
    with pytest.raises(DataError, match=r"only class 0 and void.*\n.*foreground=255"):
        pixelwise.evaluate(predictor, data, "all")


def test_eval_compare_and_report_take_masks(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, rows in MASKS.items():
        grey(tmp_path / f"masks/{name}.png", rows)
        (tmp_path / "better").mkdir(exist_ok=True)
        palette(tmp_path / f"better/{name}_mask.png", [[id_ % 255 for id_ in row] for row in TRUTH[name]])

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, arguments)
        return result.exit_code, result.output

    for name in ("masks", "better"):
        code, output = run(
            *("eval", f"masks:{name}", "--data", data, "--split", "all", "--trimap", "--boundary"),
            *("--report", f"reports/{name}"),
        )
        assert code == 0, output
        assert "2 images, masks as they were given." in output
    page = (tmp_path / "reports/masks/index.html").read_text()
    assert "masks:masks" in page
    assert "calibration" not in page.lower()
    code, output = run("compare", "reports/masks", "reports/better", "--json")
    assert code == 0, output
    figures = json.loads(output)["metrics"]["pixel_accuracy"]
    assert (figures["a"], figures["b"]) == (5 / 7, 1)

    (tmp_path / "masks/a.png").unlink()
    code, output = run("eval", "masks:masks", "--data", data, "--split", "all")
    assert (code, "have no mask in masks: a" in output) == (1, True)
    code, output = run("eval", "masks:masks", "--data", data, "--split", "all", "--allow-missing")
    assert code == 0
    assert "Left out, since they have no mask: 1 image, a" in output
    code, output = run("eval", "masks:masks", "--data", data, "--split", "all", "--flip", "--allow-missing")
    assert (code, "masks are judged as they are" in output.replace("\n", " ")) == (2, True)
