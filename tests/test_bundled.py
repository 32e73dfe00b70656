"""The models that ship, and their cards."""

import dataclasses
import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from photo_labels import OBJECTS, VOID, labelled
from PIL import Image, ImageOps

from pixelwise import export, load
from pixelwise.cli.evaluation_report import show
from pixelwise.core.fingerprints import unpacked
from pixelwise.data import LabelledImages, open_dataset
from pixelwise.data.checks.learnt_pictures import fingerprints_of
from pixelwise.data.sources.camvid import DRIVES
from pixelwise.evaluation.evaluation import Evaluation, Judged, evaluate
from pixelwise.inference.model_files.int8_forms import MOST_LOSS
from pixelwise.inference.model_files.model_file import bundled_names
from pixelwise.inference.views import Views
from pixelwise.recipes import get_recipe
from pixelwise.training.recipe import Recipe
from pixelwise.training.stages import Chain
from pixelwise.workflows.evaluating import report_on

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

BUNDLED = Path(__file__).parent.parent / "src/pixelwise/bundled"
EXAMPLES = Path(__file__).parent.parent / "examples"
SHARED = Path(__file__).parent.parent.parent / "shared/data"


def card(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((BUNDLED / f"{name}.json").read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("name", ["default", "street"])
def test_the_card_describes_the_file_beside_it(name: str) -> None:
    assert name in bundled_names()
    content, described = (BUNDLED / f"{name}.onnx").read_bytes(), card(name)
    assert hashlib.sha256(content).hexdigest() == described["sha256"]
    assert len(content) <= 12_000_000
    info = load(name).info
    assert info.name == name
    assert list(info.classes.names) == described["classes"]
    assert info.long_side == described["preprocessing"]["long_side"]
    assert info.enlarge == described["preprocessing"].get("enlarge", False)
    recipe = get_recipe(described["recipe"])
    last = recipe.stages[-1] if isinstance(recipe, Chain) else recipe
    trained = dataclasses.replace(Recipe.from_dict(info.training["recipe"]), data="", init_from=None)
    assert trained == dataclasses.replace(last, data="")
    assert info.preprocessing["mean"] == pytest.approx([127] * 3)
    for field in ("data", "command", "hours", "figures", "convention", "licence", "terms", "failure_cases"):
        assert described[field], field


@pytest.mark.parametrize("name", ["default", "street"])
def test_the_card_describes_the_int8_form(name: str) -> None:
    described = card(name)["int8"]
    content = (BUNDLED / described["file"]).read_bytes()
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (described["sha256"], described["bytes"])
    assert len(content) < 0.6 * card(name)["bytes"]
    plain, int8 = load(name), load(name, precision="int8")
    assert int8.info == dataclasses.replace(plain.info, training={**plain.info.training, "export": "int8"}), (
        "the same model otherwise"
    )
    assert card(name)["figures"]["mean_iou"] - described["mean_iou"] <= MOST_LOSS
    most = {"default": 0.03, "street": 0.1}[name]  # streets in a picture of a cat are doubtful
    for engine in ("onnxruntime", "openvino"):
        labels = load(name, precision="int8", engine=engine)(EXAMPLES / "chelsea.png").labels
        assert (labels != plain(EXAMPLES / "chelsea.png").labels).mean() < most


@pytest.mark.parametrize(
    ("name", "data", "pictures"),
    [("default", "voc:voc_animals", 3870), ("street", "camvid:camvid", 367)],
)
def test_the_model_knows_the_pictures_it_learnt_from(name: str, data: str, pictures: int) -> None:
    known = unpacked(load(name).info.learnt_from)
    assert len(known) == 2 * pictures, "of the file, and of the id"
    kind, folder = data.split(":")
    if not (SHARED / folder).is_dir():
        pytest.skip("the labelled photos are not part of the project")
    train, val = (
        fingerprints_of(open_dataset(f"{kind}:{SHARED / folder}", split)) for split in ("train", "val")
    )
    assert known == set().union(*train)
    assert known.isdisjoint(set().union(*val))


def test_a_fold_of_the_card_is_told_beside_the_figure(capsys: pytest.CaptureFixture[str]) -> None:
    left_out = card("street")["left_out"]
    assert set(left_out) == {f"fold={drive}" for drive in DRIVES}
    if not (SHARED / "camvid").is_dir():
        pytest.skip("the labelled photos are not part of the project")
    judged = partial(report_on, "street", threads=1, judge=on_one_image)
    for fold, figures in left_out.items():
        data = f"camvid:{SHARED / 'camvid'},{fold}"
        result = judged(data)
        show(result)
        said = " ".join(capsys.readouterr().out.split())
        assert result["in_training"] == len(open_dataset(data, "val"))
        assert f"mean IoU of {100 * figures['mean_iou']:.2f} %" in said
    others: list[dict[str, Any]] = [{"split": "train"}, {"classes": "road"}, {"views": Views((0.5,))}]
    for other in others:
        assert judged(data, **other)["left_out"] is None, "the card's figure is of the drive as it is"


def on_one_image(judged: Judged, data: LabelledImages, *others: Any) -> Evaluation:
    return evaluate(judged, data.part(0, len(data)), *others)


def test_a_bundled_model_in_another_form_knows_its_pictures(tmp_path: Path) -> None:
    export("street", tmp_path / "again.onnx")
    export("street", tmp_path / "again.xml")
    known = load("street").info.learnt_from
    for file in ("again.onnx", "again.xml"):
        assert load(tmp_path / file).info.learnt_from == known


@pytest.mark.parametrize(
    ("photo", "expected"),
    [
        ("chelsea.png", "cat"),
        ("astronaut.png", "person"),
        ("camera.png", "person"),
        ("../tests/photos/grace_hopper.jpg", "person"),
        ("tabby.png", "cat"),
        ("dog.png", "dog"),
        ("parrot.png", "bird"),
    ],
)
def test_the_examples_show_what_they_show(photo: str, expected: str) -> None:
    found = [area for area in load("default")(EXAMPLES / photo).areas() if area.name != "background"]
    assert found[0].name == expected
    assert found[0].area > 0.25


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_of_photos_with_labels_of_our_own_are_found(name: str) -> None:
    """Twelve pictures: each photo, its mirror image and a copy of half the size."""
    predictor = load("default", threads=1)
    kind, _ = OBJECTS[name]
    photo, labels = labelled(name, predictor.classes.names.index(kind))
    half = (photo.width // 2, photo.height // 2)
    pictures = [
        (photo, labels),
        (ImageOps.mirror(photo), np.fliplr(labels)),
        (photo.resize(half, Image.Resampling.BOX), np.asarray(Image.fromarray(labels).resize(half, 0))),
    ]
    for picture, truth in pictures:
        found = predictor(picture).labels[truth != VOID]
        right = truth[truth != VOID]
        both, either = (found == right) & (right > 0), (found == right.max()) | (right > 0)
        assert both.sum() / either.sum() > 0.85
        assert (found == right).mean() > 0.9


@pytest.mark.parametrize(
    ("name", "kind", "folder", "images"),
    [("default", "voc", "voc_animals", 200), ("street", "camvid", "camvid", 101)],
)
def test_the_card_s_figure_is_what_evaluation_gives(name: str, kind: str, folder: str, images: int) -> None:
    if not (SHARED / folder).is_dir():
        pytest.skip("the labelled photos are not part of the project")
    data = open_dataset(f"{kind}:{SHARED / folder}", "val")
    for precision, figures in (("float32", card(name)["figures"]), ("int8", card(name)["int8"])):
        result = evaluate(load(name, threads=1, precision=precision), data)
        assert result.images == images
        assert result.summary()["mean_iou"] == pytest.approx(figures["mean_iou"], abs=2e-3)
