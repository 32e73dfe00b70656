"""Nets that see every band of a picture: trained, judged, exported and segmented."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from squares_runs import SETTINGS, run_recipe

from pixelwise.cli.check import check as check_command
from pixelwise.core.errors import DataError, ModelError, TrainingError
from pixelwise.core.pictures.bands import BandForm, view_of
from pixelwise.data import open_dataset
from pixelwise.evaluation.evaluation import evaluate
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.models.paper_nets import CATALOGUE
from pixelwise.training import checkpoint
from pixelwise.training.loop import train as fit
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.band_statistics import BandStatistics
from pixelwise.training.setup.recipe_net import build_net
from pixelwise.workflows import check, export, load, segment_folder, train

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

tifffile = pytest.importorskip("tifffile", reason="needs tifffile")

LEARN = ("inputs=bands", "steps=50", "evaluate_every=50", "workers=0", "colour=0", "dropout=0", "ema=0.9")
RATES = ("learning_rate=1e-2", "head_learning_rate=1e-2")


def scene(rng: np.random.Generator, bands: int = 5) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8]]:
    """Noise of 12 bits, and squares that only the fourth band shows."""
    labels = np.zeros((48, 64), np.uint8)
    top, left = rng.integers(0, 24, 2)
    labels[top : top + 24, left : left + 24] = 1
    values = rng.integers(800, 1600, (48, 64, bands)).astype(np.uint16)
    values[labels == 1, min(3, bands - 1)] += 1500
    return values, labels


def write(path: Path, values: npt.NDArray[Any]) -> None:
    tifffile.imwrite(path, values, photometric="minisblack", planarconfig="contig")


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 train and 4 val TIFF files of 5 bands of 16 bits."""
    root, rng = tmp_path_factory.mktemp("fields"), np.random.default_rng(0)
    for split, count in (("train", 12), ("val", 4)):
        for kind in ("images", "labels"):
            (root / split / kind).mkdir(parents=True)
        for index in range(count):
            values, labels = scene(rng)
            write(root / split / f"images/{split}{index}.tif", values)
            Image.fromarray(labels).save(root / split / f"labels/{split}{index}.png")
    (root / "classes.txt").write_text("ground\nsquare\n")
    return root


@pytest.fixture(scope="module")
def run(fields: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("runs") / "bands"
    assert run_recipe(fields, made, *SETTINGS, *LEARN, *RATES)
    return made


@pytest.fixture(scope="module")
def model(run: Path) -> Path:
    return export(run, run.parent / "bands.onnx").path


def test_a_task_that_only_the_fourth_band_shows_is_learnt(run: Path) -> None:
    history = checkpoint.load(run / checkpoint.LAST).history
    assert history[-1]["mean_iou"] > 0.8, "all ground gives 0.4"


def test_the_statistics_of_the_training_pictures_are_in_checkpoint_and_model(
    run: Path, model: Path, fields: Path
) -> None:
    dataset = open_dataset(f"folder:{fields}", "train").with_channels("bands")
    values = np.stack([dataset.read(i).channels["bands"] for i in range(len(dataset))]).astype(np.float64)
    measured = BandStatistics.of(dataset)
    np.testing.assert_allclose(measured.mean, values.mean((0, 1, 2)), rtol=1e-9)
    np.testing.assert_allclose(measured.std, values.std((0, 1, 2)), rtol=1e-9)
    state = checkpoint.load(run / checkpoint.BEST)
    assert (state.channels, state.numbers) == (5, "uint16")
    np.testing.assert_allclose(state.mean["mean"].flatten(), measured.mean, rtol=1e-6)
    info = load(model).info
    assert info.bands == BandForm(5, "uint16")
    assert info.inputs == ("bands",)
    np.testing.assert_allclose(info.preprocessing["mean"], measured.mean, rtol=1e-6)
    assert ModelInfo.from_metadata(info.to_metadata()) == info


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_file_and_array_give_the_same_labels_in_every_engine(
    run: Path, model: Path, fields: Path, engine: str
) -> None:
    if engine == "openvino":
        pytest.importorskip("openvino", reason="needs OpenVINO")
    path = fields / "val/images/val2.tif"
    reference, predictor = load(run), load(model, engine=engine)
    values = tifffile.imread(path)
    expected = reference(values)
    truth = np.asarray(Image.open(fields / "val/labels/val2.png"))
    assert (expected.labels == truth).mean() > 0.9
    for seen in (
        path,
        str(path),
        values,
        values.astype(np.float32),
        values.astype(">u2"),
        values[:, ::-1][:, ::-1],
    ):
        found = predictor(seen)
        np.testing.assert_allclose(found.scores, expected.scores, atol=0.02 * expected.scores.std())
        assert (found.labels != expected.labels).mean() < 0.002
    assert predictor(path).labels.shape == (48, 64)
    assert predictor(path).overlay().width >= 64


def test_segment_writes_masks_of_files_and_names_those_of_other_bands(
    model: Path, fields: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    values = tifffile.imread(fields / "val/images/val0.tif")
    write(tmp_path / "in/a.tif", values)
    write(tmp_path / "in/b.tif", values[..., :4])
    write(tmp_path / "in/c.tif", values.astype(np.uint8))
    Image.fromarray(values[..., :3].astype(np.uint8)).save(tmp_path / "in/d.png")
    outcomes = segment_folder(tmp_path / "in", tmp_path / "out", load(model, engine="onnxruntime")).outcomes
    assert [outcome.problem is None for outcome in outcomes] == [True, False, False, False]
    mask = np.asarray(Image.open(tmp_path / "out/a_mask.png"))
    assert (mask == np.asarray(Image.open(fields / "val/labels/val0.png"))).mean() > 0.9
    for outcome, found in zip(
        outcomes[1:], ("4 bands of uint16", "5 bands of uint8", "3 bands of uint8"), strict=True
    ):
        assert outcome.problem is not None
        assert f"has {found}, but the model takes 5 bands of uint16" in outcome.problem.message


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (np.zeros((8, 8, 3), np.uint16), "the array has 3 bands of uint16"),
        (np.zeros((8, 8), np.uint16), "the array has 1 band of uint16"),
        (np.zeros((8, 8, 5), np.uint8), "the array has 5 bands of uint8"),
        (np.zeros((8, 8, 5), np.int64), "bands hold uint8, uint16, float32, got int64"),
        (np.full((8, 8, 5), np.nan, np.float32), "the array holds NaN or infinite numbers; replace them"),
        (np.zeros((0, 8, 5), np.uint16), r"bands are an array \(H, W, K\), got \(0, 8, 5\)"),
    ],
)
def test_an_array_of_other_bands_is_an_error_with_both_numbers(
    run: Path, values: npt.NDArray[Any], found: str
) -> None:
    advice = "" if "NaN" in found else ".*the model takes 5 bands of uint16"
    with pytest.raises(ModelError, match=rf"{found}{advice}"):
        load(run)(values)


def test_a_result_of_bands_goes_to_other_processes_and_keeps_its_picture(run: Path) -> None:
    bands = np.random.default_rng(0).integers(0, 256, (24, 32, 5)).astype(np.uint16)
    result = load(run)(bands)
    before = result.photo().copy()
    bands[:] = 0
    received = pickle.loads(pickle.dumps(result))
    assert (received.labels == result.labels).all()
    assert (received.photo() == before).all()
    assert (result.photo() == before).all()


def test_the_view_of_bands_has_its_own_memory() -> None:
    bands = np.zeros((4, 4, 3), np.uint8)
    assert not np.shares_memory(view_of(bands), bands)


def test_evaluation_reads_the_bands_and_names_data_of_others(
    run: Path, model: Path, fields: Path, squares: Path
) -> None:
    dataset = open_dataset(f"folder:{fields}", "val")
    best = checkpoint.load(run / checkpoint.BEST).history[-1]
    assert evaluate(load(run), dataset).summary()["mean_iou"] == pytest.approx(best["mean_iou"], abs=1e-6)
    exported = evaluate(load(model, engine="onnxruntime"), dataset).summary()
    assert exported["mean_iou"] == pytest.approx(best["mean_iou"], abs=0.01)
    with pytest.raises(ModelError, match="3 bands of uint8, but the model takes 5 bands of uint16"):
        evaluate(load(run), open_dataset(f"folder:{squares}", "val"))


def test_a_model_of_bands_takes_neither_crf_nor_views(model: Path) -> None:
    with pytest.raises(
        ModelError, match="takes bands; such models work without a CRF, test-time augmentation and tiles"
    ):
        load(model, crf="deeplab")
    with pytest.raises(ModelError, match="takes 5 bands of uint16, not photos"):
        load(model).expect_photos()


def test_resuming_keeps_the_statistics(fields: Path, tmp_path: Path) -> None:
    short = (*SETTINGS, *LEARN, "steps=2", "evaluate_every=2")
    run_recipe(fields, tmp_path, *short)
    before = checkpoint.load(tmp_path / checkpoint.LAST).net["mean"]
    assert run_recipe(fields, tmp_path, *short, "steps=3", resume=True)
    after = checkpoint.load(tmp_path / checkpoint.LAST)
    assert after.step == 3
    assert torch.equal(after.net["mean"], before)


def test_arrays_with_bands_are_trained_on(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    pairs = [scene(rng, 4) for _ in range(5)]
    pairs[1] = (pairs[1][0].astype(">u2"), pairs[1][1])  # as tifffile reads files of that byte order
    texts = (*SETTINGS, *LEARN, "steps=2", "evaluate_every=2")
    settings: dict[str, Any] = dict(text.split("=") for text in texts)
    settings.pop("inputs")
    made = train(
        "finetune", pairs, pairs[:2], tmp_path / "run", class_names=["a", "b"], inputs="bands", **settings
    )
    assert load(made.path)(pairs[0][0]).labels.shape == (48, 64)
    odd: list[tuple[npt.NDArray[Any], npt.NDArray[np.uint8]]] = [
        pairs[0],
        (pairs[1][0].astype(np.uint8), pairs[1][1]),
    ]
    with pytest.raises(ValueError, match="image 1 has 4 bands of uint8, but image 0 has 4 bands of uint16"):
        train("finetune", odd, odd, tmp_path / "other", class_names=["a", "b"])


def test_pictures_of_other_bands_than_the_first_are_faults_of_the_data(fields: Path, tmp_path: Path) -> None:
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
    (tmp_path / "classes.txt").write_text("ground\nsquare\n")
    for index, bands in enumerate((5, 4, 5)):
        values, labels = scene(np.random.default_rng(index), bands)
        write(tmp_path / f"images/{index}.tif", values)
        Image.fromarray(labels).save(tmp_path / f"labels/{index}.png")
    found = check(f"folder:{tmp_path}", "all", channels=["bands"])
    (error,) = found.splits["all"].audit.errors
    assert "1.tif has 4 bands of uint16, but " in error.message
    assert "0.tif has 5 bands of uint16" in error.message
    with pytest.raises(DataError, match="faults"):
        train("finetune", f"folder:{tmp_path}", inputs="bands", output=tmp_path / "run")


def test_check_reads_bands_and_says_how_if_they_are_not_asked_for(
    fields: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    check_command(f"folder:{fields}", channels="bands", page=tmp_path / "page.html")
    assert "12" in capsys.readouterr().out
    assert (tmp_path / "page.html").stat().st_size > 10_000
    found = check(f"folder:{fields}", "val")
    assert found.faults == 4
    assert "inputs=bands" in found.splits["val"].audit.errors[0].hint


def test_training_and_validation_need_the_same_bands(fields: Path, squares: Path, tmp_path: Path) -> None:
    recipe = Recipe(name="bands", data=f"folder:{fields}").override([*SETTINGS, *LEARN])
    with pytest.raises(TrainingError, match=r"5 bands of uint16, but .* 3 bands of uint8"):
        fit(recipe, open_dataset(recipe.data, "train"), open_dataset(f"folder:{squares}", "val"), tmp_path)


@pytest.mark.parametrize("bands", [1, 2, 3, 4, 13])
@pytest.mark.parametrize("net", ["skip_fcn", "fcn32s-vgg16", "deeplab-large-fov"])
def test_a_net_takes_any_number_of_bands(net: str, bands: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if net in CATALOGUE:
        narrow = {**CATALOGUE[net].arguments, "widths": (8, 8, 8, 8, 8), "filters": 8}
        monkeypatch.setitem(CATALOGUE, net, replace(CATALOGUE[net], arguments=narrow))
    recipe = Recipe(name="bands", data="folder:x").override([*SETTINGS, "inputs=bands", f"net={net}"])
    statistics = BandStatistics((1000.0,) * bands, (200.0,) * bands)
    made = build_net(recipe, 2, channels=bands, statistics=statistics).eval()
    with torch.inference_mode():
        assert made(torch.full((1, bands, 33, 47), 1000.0)).shape == (1, 2, 33, 47)
        high, low = (made.normalise(torch.full((1, bands, 1, 1), value)).mean() for value in (1200.0, 800.0))
    assert float(high) == pytest.approx(-float(low))


def test_six_bands_are_not_taken_for_two_streams() -> None:
    recipe = Recipe(name="bands", data="folder:x").override(
        ["inputs=bands", "net=fcn32s-vgg16", "backbone_weights=none"]
    )
    with pytest.raises(TrainingError, match="six channels are RGB and HHA to a paper's FCN"):
        build_net(recipe, 2, channels=6)


def test_a_net_that_starts_from_a_run_of_photos_measures_its_own_statistics(
    squares: Path, tmp_path: Path
) -> None:
    run_recipe(squares, tmp_path, *SETTINGS, "steps=1", "evaluate_every=1", "workers=0")
    photos = checkpoint.load(tmp_path / checkpoint.LAST).mean
    recipe = Recipe(name="bands", data="folder:x").override(
        [*SETTINGS, "inputs=bands", "batch_norm=train", f"init_from={tmp_path}", "backbone_weights=none"]
    )
    made = build_net(recipe, 2, channels=5, statistics=BandStatistics((1000.0,) * 5, (200.0,) * 5))
    state = made.state_dict()
    assert state["mean"].flatten().tolist() == [1000.0] * 5
    (first,) = [n for n in photos if n.startswith("backbone") and photos[n].shape != state[n].shape]
    torch.testing.assert_close(state[first][:, :3], photos[first] * 3 / 5)
    same = build_net(recipe, 2, channels=3, statistics=BandStatistics((1000.0,) * 3, (200.0,) * 3))
    assert same.state_dict()["mean"].flatten().tolist() == [1000.0] * 3


@pytest.mark.parametrize(
    "settings", [["inputs=bands,depth"], ["inputs=image,bands"], ["inputs=bands", "crf_layer=deeplab"]]
)
def test_bands_stand_alone(settings: list[str]) -> None:
    with pytest.raises(TrainingError, match="inputs"):
        Recipe(name="bands", data="folder:x").override(settings)


def test_a_backbone_with_weights_keeps_them_for_bands(squares: Path) -> None:
    """The first three bands keep the filters of colours, times 3 / 5; the others begin as their mean."""
    settings = [
        *SETTINGS,
        "inputs=bands",
        f"backbone_weights={squares / 'trunk.safetensors'}",
        "batch_norm=train",
    ]
    recipe = Recipe(name="bands", data="folder:x").override(settings)
    photos = build_net(replace(recipe, inputs=("image",)), 2).state_dict()
    bands = build_net(recipe, 2, channels=5).state_dict()
    (first,) = [n for n in photos if n.startswith("backbone") and photos[n].shape != bands[n].shape]
    torch.testing.assert_close(bands[first][:, :3], photos[first] * 3 / 5)
    for extra in (3, 4):
        torch.testing.assert_close(bands[first][:, extra], photos[first].mean(1) * 3 / 5)
    for name in photos:
        if name.startswith("backbone") and name != first:
            assert torch.equal(bands[name], photos[name]), name
