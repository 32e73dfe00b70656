"""Several heads, extra channels and two streams: learnt, judged, exported."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from squares_runs import SETTINGS as TINY
from squares_runs import run_recipe

from pixelwise.cli.train import train
from pixelwise.core.errors import ModelError, TrainingError
from pixelwise.data import LabelledImages, open_dataset
from pixelwise.evaluation.evaluation import evaluate
from pixelwise.models.layers.frozen_batch_norm import fold_batch_norm
from pixelwise.models.nets.fcn import HHA_MEAN, LateFusion
from pixelwise.models.paper_nets import CATALOGUE
from pixelwise.training import checkpoint
from pixelwise.training.losses.cross_entropy import cross_entropy
from pixelwise.training.setup.recipe_net import load_run
from pixelwise.training.setup.start import start_of
from pixelwise.workflows import export, load

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

SETTINGS = (
    *("backbone_weights=none", "freeze_stages=0", "dropout=0", "crop=33", "batch_size=4", "ema=0"),
    *("optimizer=adamw", "learning_rate=3e-3", "head_learning_rate=1e-2", "warmup_steps=5", "workers=0"),
    *("scale=1,1", "colour=0", "net=fcn32s-vgg16"),
)


@pytest.fixture(scope="module", autouse=True)
def narrow_nets() -> Iterator[None]:
    """The nets of these tests have a hundredth of their channels."""
    narrow = {"widths": (8, 8, 16, 16, 16), "filters": 16}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fcn32s-vgg16", "deeplab-large-fov", "deeplab-msc-large-fov"):
            arguments = {**CATALOGUE[name].arguments, **narrow}
            if "msc" in name:
                arguments["branch_filters"] = 4
            patch.setitem(CATALOGUE, name, replace(CATALOGUE[name], arguments=arguments))
        yield


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of 40 x 60, whose left part is floor (flat) and right part wall (upright or open).

    Colours tell floor from wall; only depth and hha tell upright from open.
    """
    root = tmp_path_factory.mktemp("rooms")
    rng = np.random.default_rng(0)
    for folder in ("images", "labels", "labels.geometric", "channels.hha", "channels.depth"):
        (root / folder).mkdir()
    for index in range(12):
        border = int(rng.integers(20, 40))
        semantic = np.zeros((40, 60), np.uint8)
        semantic[:, border:] = 1
        geometric = np.where(semantic == 1, 1 + index % 2, 0).astype(np.uint8)
        image = (rng.integers(0, 60, (40, 60, 3)) + 150 * semantic[..., None]).astype(np.uint8)
        hha = (60 + 60 * geometric[..., None] + rng.integers(0, 20, (40, 60, 3))).astype(np.uint8)
        depth = (7.0 + geometric + rng.random((40, 60)) / 10).astype(np.float32)
        Image.fromarray(image).save(root / f"images/{index:02}.png")
        Image.fromarray(semantic).save(root / f"labels/{index:02}.png")
        Image.fromarray(geometric).save(root / f"labels.geometric/{index:02}.png")
        Image.fromarray(hha).save(root / f"channels.hha/{index:02}.png")
        np.save(root / f"channels.depth/{index:02}.npy", depth)
    (root / "classes.txt").write_text("floor\nwall\n")
    (root / "classes.geometric.txt").write_text("flat\nupright\nopen\n")
    return root


@pytest.fixture(scope="module")
def two_heads(rooms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "heads"
    rates = ("learning_rate=1e-2", "head_learning_rate=1e-2", "workers=0")
    assert run_recipe(rooms, run, *TINY, *rates, "heads=semantic,geometric", "steps=80", "evaluate_every=40")
    return run


def test_both_heads_are_learnt_and_judged(two_heads: Path) -> None:
    history = checkpoint.load(two_heads / checkpoint.LAST).history
    assert [entry["step"] for entry in history] == [40, 80]
    figures = {"pixel_accuracy", "mean_accuracy", "mean_iou", "frequency_weighted_iou", "loss"}
    keys = {name for name in history[-1] if "iou/" not in name}
    assert keys == {"step", *figures, *(f"geometric/{name}" for name in figures)}
    assert history[-1]["mean_iou"] > 0.7, "all wall gives 0.3"
    lines = (two_heads / "log.jsonl").read_text().splitlines()
    assert any("val/geometric/mean_iou" in json.loads(line) for line in lines)


def test_the_loss_of_two_heads_is_the_sum_of_theirs(rooms: Path, tmp_path: Path) -> None:
    """Scores that are and stay 0 make 2 and 3 classes equally likely."""
    still = ("learning_rate=0", "head_learning_rate=0", "steps=20", "batch_size=1")
    run_recipe(rooms, tmp_path, *SETTINGS, "heads=semantic,geometric", *still)
    records = map(json.loads, (tmp_path / "log.jsonl").read_text().splitlines())
    (loss,) = [record["loss"] for record in records if "loss" in record]
    assert loss == pytest.approx(np.log(2) + np.log(3), rel=1e-6)


def test_the_first_head_is_segmented_unless_another_is_asked_for(two_heads: Path, rooms: Path) -> None:
    net, info = load_run(two_heads)
    assert info.classes.names == ("floor", "wall")
    other, geometric = load_run(two_heads, "geometric")
    assert geometric.classes.names == ("flat", "upright", "open")
    image = torch.randint(0, 256, (1, 3, 40, 60), dtype=torch.uint8)
    with torch.inference_mode():
        assert net(image).shape == (1, 2, 40, 60)
        assert other(image).shape == (1, 3, 40, 60)
    with pytest.raises(TrainingError, match=r"has no head depth\nhint: there are semantic, geometric"):
        load_run(two_heads, "depth")


@pytest.mark.parametrize("head", ["semantic", "geometric"])
def test_the_run_is_judged_by_head_as_it_was_while_training(two_heads: Path, rooms: Path, head: str) -> None:
    dataset = open_dataset(f"folder:{rooms}", "val", head=head)
    evaluation = evaluate(load(two_heads, head=head), dataset)
    best = checkpoint.load(two_heads / checkpoint.BEST).history[-1]
    figure = best["mean_iou" if head == "semantic" else "geometric/mean_iou"]
    assert evaluation.summary()["mean_iou"] == pytest.approx(figure, abs=0.01)


def test_a_head_is_exported(two_heads: Path, tmp_path: Path, rooms: Path) -> None:
    from pixelwise.cli.export import export

    for head, names in (("geometric", ("flat", "upright", "open")), (None, ("floor", "wall"))):
        export(str(two_heads), tmp_path / "model.onnx", head=head)
        predictor = load(tmp_path / "model.onnx")
        assert predictor.classes.names == names
        assert predictor(rooms / "images/00.png").scores.shape[0] == len(names)


def test_a_run_of_one_head_that_is_not_the_main_one_is_judged_by_it(
    rooms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pixelwise.cli.crf_search import crf_search
    from pixelwise.cli.evaluate import evaluate as eval_command
    from pixelwise.cli.export import export
    from pixelwise.cli.option_groups import (
        AugmentationOptions,
        InferenceOptions,
        RefinementOptions,
        SizeOptions,
    )

    run = tmp_path / "run"
    assert run_recipe(rooms, run, *TINY, "heads=geometric", "workers=0", "steps=1")
    export(str(run), tmp_path / "model.onnx")
    for model, head in ((run, "geometric"), (run, None), (tmp_path / "model.onnx", None)):
        capsys.readouterr()
        eval_command(
            str(model),
            f"folder:{rooms}",
            head=head,
            as_json=True,
            sizes=SizeOptions(),
            augmentation=AugmentationOptions(),
            refinement=RefinementOptions(),
            inference=InferenceOptions(),
        )
        result = json.loads(capsys.readouterr().out)
        assert [row["name"] for row in result["per_class"]] == ["flat", "upright", "open"]
        assert result["void"] == []
    with pytest.raises(TrainingError, match=r"has no head semantic\nhint: there are geometric"):
        load_run(run, "semantic")

    searched: list[tuple[str, ...]] = []

    def scored(_: object, dataset: LabelledImages, *__: object) -> None:
        searched.append(dataset.classes.names)
        raise KeyboardInterrupt

    monkeypatch.setattr("pixelwise.workflows.crf_search.ScoredImages", scored)
    with pytest.raises(KeyboardInterrupt):
        crf_search(str(run), f"folder:{rooms}", tmp_path / "preset.json")
    assert searched == [("flat", "upright", "open")]


def test_classes_are_chosen_of_the_head_that_is_learnt_as_the_main_one(rooms: Path, tmp_path: Path) -> None:
    """ "wall" is a class of the data's main head, too, which here is the second one."""
    heads = ["heads=geometric,semantic", "classes=flat,wall=upright+open"]
    settings = [*TINY, *heads, f"data=folder:{rooms}", "steps=1", "evaluate_every=1", "workers=0"]
    train("finetune", settings, tmp_path)
    state = checkpoint.load(tmp_path / checkpoint.LAST)
    assert {name: own["names"] for name, own in state.heads.items()} == {
        "geometric": ["flat", "wall"],
        "semantic": ["floor", "wall"],
    }
    train("finetune", [], tmp_path, resume=True)


@pytest.mark.parametrize(("inputs", "channels"), [("image,depth", 4), ("image,hha", 6), ("hha", 3)])
def test_nets_of_channels_are_trained_loaded_and_judged_alike(
    rooms: Path, tmp_path: Path, inputs: str, channels: int
) -> None:
    settings = (f"inputs={inputs}", "heads=geometric", "steps=10")
    assert run_recipe(rooms, tmp_path, *SETTINGS, *settings)
    state = checkpoint.load(tmp_path / checkpoint.LAST)
    assert state.channels == channels
    net, info = load_run(tmp_path)
    assert isinstance(net, LateFusion) == (inputs == "image,hha")
    if inputs == "hha":
        assert net.mean.flatten().tolist() == pytest.approx(HHA_MEAN)
    assert info.preprocessing["input"].startswith(inputs.replace(",", " and "))

    predictor = load(tmp_path)
    found = evaluate(predictor, open_dataset(f"folder:{rooms}", "val", head="geometric"))
    assert found.summary()["mean_iou"] == pytest.approx(state.history[-1]["mean_iou"], abs=0.01)
    with pytest.raises(ModelError, match=r"takes .*, which a picture alone does not have"):
        predictor(rooms / "images/00.png")

    names = [name for name in inputs.split(",") if name != "image"]
    folders = {name: rooms / f"channels.{name}" for name in names}
    sample = open_dataset(f"folder:{rooms}", "val").with_inputs(*inputs.split(",")).read(0)
    picture = rooms / f"images/{sample.id}.png"
    by_run = predictor.with_partners(folders)(picture)
    assert np.array_equal(by_run.scores, predictor(sample.stacked(inputs.split(","))).scores)
    assert np.array_equal(by_run.image, sample.image), "the photo is shown"

    written = export(tmp_path, tmp_path / "model.onnx")
    for engine in ("onnxruntime", "openvino"):
        loaded = load(written.path, engine=engine)
        assert loaded.inputs == tuple(inputs.split(","))
        found_by_file = loaded.with_partners(folders)(picture)
        spread = by_run.scores.std()
        assert np.abs(found_by_file.scores - by_run.scores).max() < 0.02 * spread
        with pytest.raises(ModelError, match=f"takes {' and '.join(inputs.split(','))}") as caught:
            loaded(picture)
        assert "--" + names[0] in str(caught.value.hint)


def test_the_export_of_a_head_is_a_start(rooms: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    trunk = tmp_path / "trunk.safetensors"
    save_file(timm.create_model("test_efficientnet").state_dict(), trunk)
    settings = [*TINY, f"backbone_weights={trunk}", "workers=0", "steps=1"]
    run_recipe(rooms, tmp_path / "run", *settings, "heads=semantic,geometric")
    export(tmp_path / "run", tmp_path / "geometric.onnx", head="geometric")
    found = start_of(str(tmp_path / "geometric.onnx")).tensors
    net, _ = load_run(tmp_path / "run", "geometric")
    fold_batch_norm(net)
    expected = {name.removeprefix("net."): tensor for name, tensor in net.state_dict().items()}
    for name in ("score_fr.weight", "backbone.trunk.conv_stem.weight"):
        torch.testing.assert_close(found[name], expected[name], atol=1e-2, rtol=1e-2)


def test_a_run_of_channels_takes_no_crf_preset(rooms: Path, tmp_path: Path) -> None:
    run_recipe(rooms, tmp_path / "run", *SETTINGS, "inputs=image,depth", "steps=1")
    with pytest.raises(ModelError, match="work without a CRF, test-time augmentation and tiles"):
        load(tmp_path / "run", crf="deeplab")


def test_a_net_that_cannot_take_the_channels_says_so(rooms: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"takes 3, 4, 6 channels, but image and depth and hha have 7"):
        run_recipe(rooms, tmp_path, *SETTINGS, "inputs=image,depth,hha")
    with pytest.raises(TrainingError, match="need a paper's net, got skip_fcn"):
        run_recipe(rooms, tmp_path, *SETTINGS, "net=skip_fcn", "inputs=image,depth")


def test_of_the_multi_scale_net_only_what_is_new_learns(rooms: Path, tmp_path: Path) -> None:
    run_recipe(rooms, tmp_path / "plain", *SETTINGS, "net=deeplab-large-fov", "steps=2")
    start = f"init_from={tmp_path / 'plain'}"
    run_recipe(rooms, tmp_path / "msc", *SETTINGS, "net=deeplab-msc-large-fov", start, "steps=3")
    before, after = (checkpoint.load(tmp_path / run / checkpoint.BEST).mean for run in ("plain", "msc"))
    assert all(torch.equal(before[name], after[name]) for name in before), "trunk, fc6, fc7 and fc8 stay"
    new = set(after) - set(before)
    assert any("branches" in name for name in new)
    assert "fc8_msc.weight" in new


def test_deeplab_is_compared_with_every_eighth_label(
    rooms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[torch.Size, torch.Size]] = []

    def spy(scores: torch.Tensor, labels: torch.Tensor, *rest: object) -> torch.Tensor:
        seen.append((scores.shape, labels.shape))
        return cross_entropy(scores, labels, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("pixelwise.training.learner.total_loss", lambda _: spy)
    run_recipe(rooms, tmp_path, *SETTINGS, "net=deeplab-large-fov", "steps=1", "crop=41")
    assert seen == [((4, 2, 6, 6), (4, 6, 6))]  # ceil(41 / 8) = 6


@pytest.mark.parametrize("inputs", ["image", "image,depth"])
def test_a_crf_layer_travels_in_the_model_file(rooms: Path, tmp_path: Path, inputs: str) -> None:
    run_recipe(rooms, tmp_path, *SETTINGS, f"inputs={inputs}", "crf_layer=deeplab", "steps=3")
    net, _ = load_run(tmp_path)
    learnt = net.get_parameter("crf.weights")
    written = export(tmp_path, tmp_path / "model.onnx")
    by_run, by_file = load(tmp_path), load(written.path, engine="onnxruntime")
    assert by_file.info.crf is not None
    assert by_file.info.crf.weights == tuple(map(tuple, learnt.tolist()))
    assert (by_file.info.crf.preset.theta_alpha, by_file.info.crf.preset.iterations) == (50, 10)
    folders = {"depth": rooms / "channels.depth"} if "depth" in inputs else {}
    picture = rooms / "images/03.png"
    one, other = (each.with_partners(folders)(picture) for each in (by_run, by_file))
    assert np.abs(one.probabilities - other.probabilities).max() < 1e-3
    bare = load(written.path, engine="onnxruntime")
    bare.engine = bare.engine.engine  # type: ignore[attr-defined]
    without = bare.with_partners(folders)(picture)
    assert np.abs(without.probabilities - one.probabilities).max() > 0.01, "the CRF does something"
