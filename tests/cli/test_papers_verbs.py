"""models, describe and import-caffe, with a thin net in the place of FCN-8s."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from caffe_files import Layer, caffemodel
from PIL import Image
from safetensors.torch import save_file
from small_nets import (
    WIDTHS,
    as_caffe,
    as_classifier,
    caffe_layers,
    make_catalogue_small,
    small_fcn,
    with_random_weights,
)
from typer.testing import CliRunner, Result

from pixelwise import load
from pixelwise.cli import describe, import_caffe, main, models
from pixelwise.core.errors import ModelError, PixelwiseError
from pixelwise.inference.model_files.model_file import bundled_names
from pixelwise.models.nets.deeplab import deeplab
from pixelwise.models.nets.fcn import FCN
from pixelwise.models.paper_nets import CATALOGUE
from pixelwise.models.registry import create
from pixelwise.models.weights.imagenet import load_imagenet
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.recipe_net import build_net

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

EXAMPLES = (*models.EXAMPLES, *describe.EXAMPLES, *import_caffe.EXAMPLES)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with the caffemodels that the examples name."""
    make_catalogue_small(monkeypatch)
    torch.manual_seed(0)
    net = with_random_weights(small_fcn(8, 21))
    (tmp_path / "fcn8s-heavy-pascal.caffemodel").write_bytes(as_caffe(net))
    (tmp_path / "VGG16.caffemodel").write_bytes(as_caffe(net, version=1, inner_products=True))
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def run(command: str) -> Result:
    return CliRunner().invoke(main.app, shlex.split(command)[1:])


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_example_succeeds(place: Path, example: str) -> None:
    result = run(example)
    assert result.exit_code == 0, result.output


def test_models_lists_every_net_once(place: Path) -> None:
    listed = [json.loads(line) for line in run("pixelwise models --json").stdout.splitlines()]
    shipped = {row["name"]: row["classes"] for row in listed if row["ships"]}
    assert list(shipped) == bundled_names()
    rows = [row for row in listed if not row["ships"]]
    assert [row["name"] for row in rows] == list(CATALOGUE)
    large_fov = next(row for row in rows if row["name"] == "deeplab-large-fov")
    assert large_fov["parameters"] == pytest.approx(20.5e6, rel=0.003)
    assert large_fov["ours"] == "not run"
    views = {row["name"]: (row["field_of_view"], row["images_per_second"]) for row in rows}
    assert views["deeplab-base"] == (128, 2.9)  # table 2
    assert views["deeplab-4x4"] == (224, 2.9)
    assert views["deeplab-7x7"] == (224, 1.44)
    assert views["deeplab-large-fov"] == (224, 4.84)
    assert views["fcn8s-vgg16"] == (None, None)
    text = run("pixelwise models").stdout
    ready, trainable = text.split("To be trained")
    assert all(name in ready for name in shipped)
    assert all(name in trainable for name in ("skip_fcn", *CATALOGUE))
    assert "a multiply-add is 2" in text


def test_describe_prints_and_draws_the_same_net(place: Path) -> None:
    done = run("pixelwise describe fcn16s-vgg16 --size 33x40 --json --draw net.png")
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows[0]["name"] == "image"
    assert (rows[-1]["height"], rows[-1]["width"], rows[-1]["channels"]) == (33, 40, 21)
    assert next(row for row in rows if row["name"] == "score_fr")["field"] == 404
    with Image.open("net.png") as picture:
        assert picture.width > picture.height > 200
    run("pixelwise describe fcn16s-vgg16 --draw net.svg")
    assert ElementTree.parse("net.svg").getroot().tag.endswith("svg")


def test_describe_prints_field_of_view_and_training_speed_of_deeplab(place: Path) -> None:
    assert (
        "224 pixels; its authors trained 4.84 images per second"
        in run("pixelwise describe deeplab-large-fov --size 33x33").stdout
    )
    assert "field of view of fc6" not in run("pixelwise describe fcn16s-vgg16 --size 33x33").stdout


def test_an_imported_net_segments_and_exports(place: Path) -> None:
    done = run("pixelwise import-caffe fcn8s-heavy-pascal.caffemodel -o fcn8s.safetensors")
    assert done.exit_code == 0, done.output
    assert "as fcn8s-vgg16:" in done.stdout
    assert "BGR to RGB" in done.stdout
    info = load("fcn8s.safetensors").info
    assert info.classes.names[15] == "person"
    assert info.training["imported_from"] == "fcn8s-heavy-pascal.caffemodel"
    assert info.preprocessing["mean"] == pytest.approx([122.67892, 116.66877, 104.00699])
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (40, 50, 3), np.uint8)).save("photo.png")
    done = run("pixelwise segment photo.png --model fcn8s.safetensors --save mask")
    assert done.exit_code == 0, done.output
    done = run("pixelwise export fcn8s.safetensors -o fcn8s.onnx")
    assert done.exit_code == 0, done.output
    found, expected = load("fcn8s.onnx")("photo.png"), load("fcn8s.safetensors")("photo.png")
    assert (
        found.labels == expected.labels
    ).mean() > 0.98  # weights of model files are stored in half precision


def test_the_net_trained_at_once_is_found_and_not_taken_for_the_other(place: Path) -> None:
    net = with_random_weights(small_fcn(8, 21, at_once=True))
    (place / "once.caffemodel").write_bytes(as_caffe(net))
    done = run("pixelwise import-caffe once.caffemodel -o once.safetensors")
    assert done.exit_code == 0, done.output
    assert "as fcn8s-at-once-vgg16:" in done.stdout
    done = run("pixelwise import-caffe once.caffemodel --as fcn8s-vgg16 -o x.safetensors")
    assert done.exit_code == 1
    assert "scale_pool4: the file multiplies pool4 by 0.01, the net by 1" in done.stdout
    assert not (place / "x.safetensors").exists()


def test_mean_and_class_names_can_be_given(place: Path) -> None:
    Path("names.txt").write_text("\n".join(f"thing {i}" for i in range(21)))
    done = run(
        "pixelwise import-caffe fcn8s-heavy-pascal.caffemodel -o x.safetensors "
        "--mean 116.19,97.203,92.318 --classes names.txt"
    )
    assert done.exit_code == 0, done.output
    info = load("x.safetensors").info
    assert info.classes.names[20] == "thing 20"
    assert info.preprocessing["mean"] == pytest.approx([92.318, 97.203, 116.19])  # RGB


@pytest.mark.parametrize(
    ("command", "code", "complaint"),
    [
        ("import-caffe missing.caffemodel -o x.safetensors", 1, "cannot read missing.caffemodel"),
        ("import-caffe FCN -o x.onnx", 2, "expected a .safetensors file"),
        ("import-caffe FCN --as fcn4s -o x.safetensors", 2, "expected one of fcn32s-alexnet"),
        ("import-caffe FCN --as deeplab-7x7 -o x.safetensors", 1, "does not hold a whole deeplab-7x7"),
        ("import-caffe FCN --sha256 abc -o x.safetensors", 1, "expected abc"),
        ("import-caffe FCN --mean 1,2 -o x.safetensors", 1, "--mean has 2 numbers"),
        ("import-caffe FCN --mean nowhere -o x.safetensors", 1, "no such file: nowhere"),
        ("import-caffe FCN --classes nowhere -o x.safetensors", 1, "nowhere not found"),
        (
            "import-caffe odd.caffemodel --as fcn8s-vgg16 --partial -o x.safetensors",
            1,
            "its layers are fc9, ...",
        ),
        ("import-caffe broken.caffemodel -o x.safetensors", 1, "truncated"),
        ("describe fcn4s", 2, "expected one of"),
        ("describe fcn8s-vgg16 --size 5", 2, "HEIGHTxWIDTH"),
        ("describe fcn8s-vgg16 --draw x.gif", 2, "an .svg or .png file"),
        ("segment x.png --engine gpu", 2, "expected one of auto, onnxruntime"),
        ("segment x.png --precision int4", 2, "precision is one of auto, float32"),
    ],
)
def test_mistakes_get_one_clear_error(place: Path, command: str, code: int, complaint: str) -> None:
    whole = (place / "fcn8s-heavy-pascal.caffemodel").read_bytes()
    (place / "broken.caffemodel").write_bytes(whole[: len(whole) // 2])
    (place / "odd.caffemodel").write_bytes(caffemodel([Layer("fc9", blobs=[np.zeros((2, 3), np.float32)])]))
    done = run("pixelwise " + command.replace("FCN", "fcn8s-heavy-pascal.caffemodel"))
    assert done.exit_code == code, done.output
    assert complaint in " ".join(done.output.split()).replace("│", "")
    assert "Traceback" not in done.output
    assert not (place / "x.safetensors").exists()


def test_what_a_file_lacks_is_told_and_can_be_accepted(place: Path) -> None:
    torch.manual_seed(0)
    (place / "32s.caffemodel").write_bytes(as_caffe(with_random_weights(small_fcn(32, 21))))
    refused = run("pixelwise import-caffe 32s.caffemodel --as fcn8s-vgg16 -o x.safetensors")
    assert refused.exit_code == 1
    assert (
        "in the net, not in the file: score_pool4.weight, score_pool4.bias, score_pool3.weight"
        in refused.output
    )
    assert "in the file, not in the net: upscore" in refused.output
    accepted = run("pixelwise import-caffe 32s.caffemodel --as fcn8s-vgg16 --partial -o x.safetensors")
    assert accepted.exit_code == 0, accepted.output
    assert load("x.safetensors").info.training["complete"] is False


@pytest.mark.parametrize("backbone", ["vgg16", "alexnet", "googlenet"])
def test_an_imagenet_classifier_of_caffe_starts_a_training(place: Path, backbone: str) -> None:
    torch.manual_seed(0)
    classifier = create(f"fcn32s-{backbone}", 21)
    assert isinstance(classifier, FCN)
    with_random_weights(classifier)
    (place / "imagenet.caffemodel").write_bytes(as_classifier(classifier))
    refused = run("pixelwise import-caffe imagenet.caffemodel -o start.safetensors")
    assert refused.exit_code == 1
    way = f"--as fcn32s-{backbone} --partial"
    assert f"it seems to be a classifier: {way}" in " ".join(refused.output.split())
    means = "104,117,123"
    done = run(f"pixelwise import-caffe imagenet.caffemodel {way} --mean {means} -o start.safetensors")
    assert done.exit_code == 0, done.output

    theirs = classifier.state_dict()
    learnt = [name for name in theirs if name.startswith(("backbone.", "fc6.", "fc7."))]
    assert len(learnt) >= 14
    for setting in ("backbone_weights", "init_from"):
        rest = ["backbone_weights=none"] if setting == "init_from" else []
        recipe = Recipe(name="r", data="d").override(
            [f"net=fcn32s-{backbone}", f"{setting}=start.safetensors", *rest]
        )
        net = build_net(recipe, 5)
        ours = net.state_dict()
        assert all(torch.equal(ours[name], theirs[name]) for name in learnt), setting
        assert not ours["score_fr.weight"].any(), "new for these classes"
        assert net.mean.flatten().tolist() == [123, 117, 104]
        assert net.std.flatten().tolist() == [1, 1, 1]


def test_an_imported_classifier_is_decimated_for_deeplab_and_fits_no_other_trunk(place: Path) -> None:
    classifier = with_random_weights(small_fcn(32, 21))
    assert isinstance(classifier, FCN)
    (place / "imagenet.caffemodel").write_bytes(as_classifier(classifier))
    way = "--as fcn32s-vgg16 --partial -o start.safetensors"
    assert run(f"pixelwise import-caffe imagenet.caffemodel {way}").exit_code == 0
    net = deeplab("large_fov", widths=WIDTHS, filters=8)
    load_imagenet(net, "start.safetensors")
    assert torch.equal(net.fc6.weight, classifier.state_dict()["fc6.weight"][::2, :, ::3, ::3])
    assert torch.equal(net.fc7.weight, classifier.state_dict()["fc7.weight"][::2, ::2])
    with pytest.raises(ModelError, match=r"another net than alexnet: it has no backbone\.conv1\.weight"):
        load_imagenet(create("fcn32s-alexnet", 5), "start.safetensors")
    # a file without fc6 and fc7: these begin as where torchvision's names lack them, not as Caffe's
    trunk = [layer for layer in caffe_layers(classifier) if layer.name.startswith("conv")]
    (place / "trunk.caffemodel").write_bytes(caffemodel(trunk))
    assert run(f"pixelwise import-caffe trunk.caffemodel {way}").exit_code == 0
    report = load_imagenet(net, "start.safetensors")
    assert {"fc6.weight", "fc7.weight"} <= set(report.left)


@pytest.mark.parametrize("setting", ["init_from", "backbone_weights"])
def test_a_file_that_cannot_be_a_start_is_refused(place: Path, setting: str) -> None:
    (place / "broken.safetensors").write_bytes(b"no header")
    settings = ["net=fcn32s-vgg16", "backbone_weights=none"]
    for name, problem in (("broken", "cannot be read"), ("absent", "do not exist")):
        recipe = Recipe(name="r", data="d").override([*settings, f"{setting}={name}.safetensors"])
        with pytest.raises(PixelwiseError, match=f"{name}.safetensors {problem}"):
            build_net(recipe, 5)
    save_file({"score": torch.zeros(1)}, "other.safetensors")
    recipe = Recipe(name="r", data="d").override([*settings, f"{setting}=other.safetensors"])
    with pytest.raises(PixelwiseError, match="other"):
        build_net(recipe, 5)
