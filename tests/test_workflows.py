"""The public functions on arrays and folders: train, evaluate, compare, check, segment_folder, load."""

import inspect
import json
import random
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from label_files import write_photo
from PIL import Image

import pixelwise
from pixelwise.cli.comparison_report import show
from pixelwise.core.errors import DataError, ImageError, ModelError, TrainingError
from pixelwise.data.in_memory import Pair, labelled_arrays
from pixelwise.inference.predictor import Predictor
from pixelwise.training import checkpoint
from pixelwise.training.optimizer import schedule
from pixelwise.training.recipe import Recipe
from pixelwise.training.stages import Chain
from pixelwise.workflows import segmenting
from pixelwise.workflows.exporting import export
from pixelwise.workflows.loading import LoadOptions, load
from pixelwise.workflows.refining import refine_folder
from pixelwise.workflows.training import TrainedRun, prepare

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

NAMES = ["ground", "square"]
SMALL: dict[str, Any] = {
    "backbone": "test_efficientnet",
    "backbone_weights": "none",
    "freeze_stages": 0,
    "context": 8,
    "hidden": 4,
    "crop": 33,
    "batch_size": 2,
    "steps": 4,
    "evaluate_every": 2,
    "workers": 0,
    "skips": (16, 8),
}


def pairs(count: int, seed: int = 0) -> list[Pair]:
    """Bright squares on dark ground."""
    rng = np.random.default_rng(seed)
    made: list[Pair] = []
    for _ in range(count):
        image, labels = rng.integers(0, 80, (40, 56, 3)).astype(np.uint8), np.zeros((40, 56), np.uint8)
        labels[8:28, 12:40] = 1
        image[labels == 1] += 150
        made.append((image, labels))
    return made


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    run = tmp_path_factory.mktemp("runs") / "arrays"
    return pixelwise.train("finetune", pairs(4), pairs(2, 1), run, class_names=NAMES, **SMALL)


def test_training_on_arrays_gives_a_run_with_figures(trained: TrainedRun) -> None:
    assert trained.finished
    assert [figures["step"] for figures in trained.history] == [2, 4]
    assert trained.best is not None
    assert 0 <= trained.best["mean_iou"] <= 1


def test_evaluations_log_the_loss_and_the_iou_of_each_class(trained: TrainedRun) -> None:
    judged = pixelwise.evaluate(trained.path, pairs(2, 1), class_names=NAMES, details=("log_loss",)).to_dict()
    assert trained.best is not None
    last = trained.best
    ious = [last[f"iou/{name}"] for name in NAMES]
    assert np.mean(ious) == pytest.approx(last["mean_iou"])
    assert last["loss"] == pytest.approx(judged["log_loss"]["mean"], abs=0.02)
    lines = (trained.path / "log.jsonl").read_text().splitlines()
    logged = [record for record in map(json.loads, lines) if "val/loss" in record]
    assert [record["step"] for record in logged] == [2, 4]
    assert all({"val/iou/ground", "val/iou/square"} <= record.keys() for record in logged)


def train_squares(run: Path, **settings: Any) -> TrainedRun:
    return pixelwise.train("finetune", pairs(4), pairs(2, 1), run, class_names=NAMES, **{**SMALL, **settings})


def test_a_single_class_is_refused_before_it_is_trained(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="arrays has one class, square, which every pixel would get"):
        train_squares(tmp_path / "run", classes="square")
    assert not (tmp_path / "run").exists()


def test_random_numbers_and_threads_of_the_caller_stay(tmp_path: Path) -> None:
    def state() -> tuple[Any, ...]:
        of_numpy = str(np.random.get_state(legacy=False))
        return torch.get_rng_state().tolist(), random.getstate(), of_numpy, torch.get_num_threads()

    before = state()
    run = train_squares(tmp_path / "run", steps=1)
    pixelwise.load(run.path)(pairs(1)[0][0])
    pixelwise.evaluate(run.path, pairs(1), class_names=NAMES)
    pixelwise.export(run.path, tmp_path / "net.pt")
    assert state() == before


def test_callbacks_come_in_order_and_one_that_raises_saves_a_checkpoint_first(tmp_path: Path) -> None:
    called: list[tuple[str, int]] = []

    def on_step(step: int, loss: float, rate: float) -> None:
        assert loss > 0
        assert rate > 0
        called.append(("step", step))

    def on_evaluation(step: int, figures: Mapping[str, float]) -> None:
        assert 0 <= figures["mean_iou"] <= 1
        called.append(("evaluation", step))
        if called.count(("evaluation", 2)) == 1 and step == 2:
            raise ConnectionError("the tracker does not answer")

    run = tmp_path / "run"
    with pytest.raises(ConnectionError, match="does not answer"):
        train_squares(run, on_step=on_step, on_evaluation=on_evaluation)
    saved = checkpoint.load(run / checkpoint.LAST)
    assert (saved.step, len(saved.history)) == (2, 1)
    assert called == [("step", 1), ("step", 2), ("evaluation", 2)]
    assert train_squares(run, resume=True, on_step=on_step, on_evaluation=on_evaluation).finished
    assert called[3:] == [("step", 3), ("step", 4), ("evaluation", 4)]


def test_a_run_is_made_longer_and_never_shorter(trained: TrainedRun, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained.path, run)
    rates: list[float] = []
    longer = train_squares(run, resume=True, steps=6, on_step=lambda step, loss, rate: rates.append(rate))
    assert [figures["step"] for figures in longer.history] == [2, 4, 6]
    recipe = Recipe("finetune", "").override(["steps=6", "warmup_steps=100"])
    start = checkpoint.load(run / checkpoint.LAST).recipe["learning_rate"]
    assert rates == pytest.approx([start * schedule(step, recipe) for step in (4, 5)])
    with pytest.raises(TrainingError, match="steps was 6, is now 4, but a run can only be made longer"):
        train_squares(run, resume=True)


def test_epochs_become_steps_by_the_size_of_the_training_set(tmp_path: Path) -> None:
    data = labelled_arrays(pairs(5), NAMES)
    settings = ["data=memory:a", "batch_size=2", "epochs=3"]
    warned: list[str] = []
    training = prepare("finetune", settings, tmp_path, data, data, on_warning=warned.append)
    assert isinstance(training.recipe, Recipe)
    assert training.recipe.steps == 8  # 3 rounds of 5 pictures, 2 a step
    assert ["only 5 pictures to judge by" in text for text in warned] == [True]
    for wrong, complaint in (("epochs=0", "above 0"), ("epochs=many", "above 0"), ("steps=9", "both say")):
        with pytest.raises(TrainingError, match=complaint):
            prepare("finetune", ["epochs=2", wrong] if "steps" in wrong else [wrong], tmp_path, data, data)


@pytest.mark.parametrize(("mirror", "times"), [("true", 1), ("false", 0)])
def test_classes_of_a_side_are_named_once_if_pictures_are_mirrored(
    tmp_path: Path, mirror: str, times: int
) -> None:
    data, warned = labelled_arrays(pairs(5), ("left_eye", "right_eye")), list[str]()
    settings = ["data=memory:a", f"mirror={mirror}"]
    prepare("finetune", settings, tmp_path, data, data, on_warning=warned.append)
    assert sum("left_eye and right_eye differ only by left and right" in text for text in warned) == times


def test_training_shows_the_first_warnings_of_a_kind_and_counts_the_others(tmp_path: Path) -> None:
    line = "0 0.1 0.1 0.1001 0.1 0.1001 0.1001\n"  # smaller than a pixel
    for split, many in (("train", 6), ("val", 3)):
        for index in range(many):
            write_photo(tmp_path / f"images/{split}/{split}{index}.png", 8 + index, 5 + many)
            (tmp_path / f"labels/{split}").mkdir(parents=True, exist_ok=True)
            (tmp_path / f"labels/{split}/{split}{index}.txt").write_text(line)
    (tmp_path / "data.yaml").write_text("names: [seed]\n")
    warned: list[str] = []
    prepare("finetune", [f"data=yolo:{tmp_path}"], tmp_path / "run", on_warning=warned.append)
    hidden = [text for text in warned if "object shows in no label" in text]
    assert [text.split(" ")[2] for text in hidden] == ["train:"] * 3 + ["val:"] * 3
    assert [text for text in warned if "more of this kind" in text] == [
        f"warning: yolo:{tmp_path} train: 3 more of this kind, see `pixelwise check`"
    ]


def test_none_and_empty_tuples_are_settings(tmp_path: Path) -> None:
    settings = {**SMALL, "backbone_weights": None, "skips": (), "steps": 1, "evaluate_every": 1}
    run = pixelwise.train("finetune", pairs(2), pairs(1), tmp_path, class_names=NAMES, **settings)
    assert run.finished


def test_epochs_are_as_many_in_each_stage_whatever_its_batches(tmp_path: Path) -> None:
    data = labelled_arrays(pairs(5), NAMES)
    training = prepare("finetune_crf", ["data=memory:a", "epochs=16"], tmp_path, data, data)
    assert isinstance(training.recipe, Chain)
    assert [(stage.batch_size, stage.steps) for stage in training.recipe.stages] == [(8, 10), (4, 20)]


def test_a_run_is_loaded_and_judged_on_arrays(trained: TrainedRun) -> None:
    predictor = pixelwise.load(trained.path)
    assert predictor.classes.names == ("ground", "square")
    evaluation = pixelwise.evaluate(predictor, pairs(2, 1), class_names=NAMES)
    assert evaluation.confusion.sum() == 2 * 40 * 56
    assert trained.best is not None
    assert evaluation.summary()["mean_iou"] == pytest.approx(trained.best["mean_iou"], abs=0.02)


def test_evaluations_are_compared_whether_they_were_saved_or_not(
    trained: TrainedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = pairs(3, 1)
    run = pixelwise.evaluate(trained.path, data, class_names=NAMES)
    other = pixelwise.evaluate(ground_everywhere(), data, class_names=NAMES)
    compared = pixelwise.compare(other, run)
    assert (compared["a"], compared["b"], compared["images"]) == ("first", "second", 3)
    row = compared["metrics"]["pixel_accuracy"]
    assert row["a"] == pytest.approx(1 - 20 * 28 / (40 * 56))
    assert row["difference"] == pytest.approx(run.summary()["pixel_accuracy"] - row["a"])
    saved = {"model": "net", "views": "single scale", "crf": None, **run.to_dict()}
    (tmp_path / "run.json").write_text(json.dumps(saved))
    again = pixelwise.compare(other, tmp_path / "run.json")
    assert again["b"] == "net (single scale)"
    assert again["metrics"] == compared["metrics"]
    assert again["in_training"] == {"a": None, "b": None}
    (tmp_path / "run.json").write_text(json.dumps({**saved, "in_training": 2}))
    show(seen := pixelwise.compare(other, tmp_path / "run.json"))
    assert seen["in_training"] == {"a": None, "b": 2}
    assert "Caution: B learnt from 2 of these images" in capsys.readouterr().out
    with pytest.raises(DataError, match="of different images"):
        pixelwise.compare(run, pixelwise.evaluate(trained.path, data[:2], class_names=NAMES))


def ground_everywhere() -> pixelwise.Predictor:
    class Ground(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            scores = torch.zeros(len(image), 2, *image.shape[2:])
            scores[:, 0] = 1
            return scores

    return pixelwise.load(Ground(), classes=NAMES)


def test_a_folder_is_segmented_by_a_list_of_names(trained: TrainedRun, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in "abc":
        Image.fromarray(pairs(1)[0][0]).save(tmp_path / f"in/{name}.png")
    (tmp_path / "some.txt").write_text("c\na\n")
    options: Any = {"save": ["mask"], "ids": tmp_path / "some.txt", "engine": "torch"}
    done = pixelwise.segment_folder(tmp_path / "in", tmp_path / "out", trained.path, **options)
    assert [outcome.name for outcome in done.outcomes] == ["a", "c"]
    with pytest.raises(ModelError, match="is a run folder, which openvino does not run"):
        pixelwise.segment_folder(tmp_path / "in", tmp_path / "out", trained.path, engine="openvino")


def test_a_label_file_is_refined_in_python(tmp_path: Path) -> None:
    image, labels = pairs(1)[0]
    Image.fromarray(image).save(tmp_path / "photo.png")
    rough = np.where(np.roll(labels, 2, axis=1) == 1, 7, 0).astype(np.uint8)
    Image.fromarray(rough).save(tmp_path / "rough.png")
    files = (tmp_path / "photo.png", tmp_path / "rough.png", tmp_path / "fine.png")
    done = pixelwise.workflows.refine_file(*files, preset="densecrf")
    assert (done.path, done.size, done.notes) == (tmp_path / "fine.png", (40, 56), ("refined",))
    found = np.asarray(Image.open(done.path))
    assert set(np.unique(found)) == {0, 7}
    assert ((found == 7) != (labels == 1)).mean() < ((rough == 7) != (labels == 1)).mean()
    with pytest.raises(ImageError, match="there already"):
        pixelwise.workflows.refine_file(*files)
    with pytest.raises(ValueError, match=r"ends in \.png or \.npz, got"):
        pixelwise.workflows.refine_file(*files[:2], tmp_path / "fine.jpg")


def test_a_run_is_exported_and_segments_a_folder(trained: TrainedRun, tmp_path: Path) -> None:
    exported = export(trained.path, tmp_path / "net.onnx")
    assert (exported.steps, exported.planned) == (trained.best and trained.best["step"], 4)
    (tmp_path / "in").mkdir()
    Image.fromarray(pairs(1)[0][0]).save(tmp_path / "in/a.png")
    (tmp_path / "in/b.png").write_bytes(b"not a picture")
    told: list[tuple[int, int]] = []
    done = pixelwise.segment_folder(
        tmp_path / "in",
        tmp_path / "out",
        exported.path,
        save=["mask"],
        on_picture=lambda done, total, _: told.append((done, total)),
    )
    assert [outcome.problem is None for outcome in done.outcomes] == [True, False]
    assert done.failed == done.outcomes[1:]
    assert told == [(1, 2), (2, 2)]
    assert np.asarray(Image.open(done.outcomes[0].outputs["mask"])).shape == (40, 56)


def test_functions_that_load_a_model_take_the_arguments_of_load(tmp_path: Path) -> None:
    arguments = set(inspect.signature(pixelwise.load).parameters)
    assert set(LoadOptions.__annotations__) <= arguments
    predictor = pixelwise.load("default", threads=1)
    with pytest.raises(ValueError, match="crf: a predictor has its own; give such options to load"):
        pixelwise.segment_folder(tmp_path, tmp_path / "out", predictor, crf="densecrf")
    with pytest.raises(ValueError, match="threads: a predictor has its own"):
        pixelwise.evaluate(predictor, pairs(1), class_names=NAMES, threads=1)


@pytest.mark.parametrize(
    "call",
    [
        lambda net, place: pixelwise.evaluate(net, pairs(1), class_names=NAMES),
        lambda net, place: pixelwise.segment_folder(place, place / "out", net),
        lambda net, place: pixelwise.workflows.gallery([net], pairs(1), class_names=NAMES),
        lambda net, place: pixelwise.workflows.search_crf(net, f"folder:{place}", place / "preset.json"),
    ],
)
def test_a_torch_module_in_place_of_a_model_is_refused_with_what_to_do(
    tmp_path: Path, call: Callable[[Any, Path], object]
) -> None:
    class Net:
        """As a torch module, no name."""

    expected = "a model file or a run folder, got Net; .*(load a torch module first|pixelwise.wrap)"
    with pytest.raises(ValueError, match=expected) as refused:
        call(Net(), tmp_path)
    assert "name them in order" not in str(refused.value)


def test_segment_folder_names_wrong_arguments(tmp_path: Path, trained: TrainedRun) -> None:
    with pytest.raises(
        ValueError,
        match=r"expected kinds among mask, overlay, cutout, confidence, probabilities, geotiff, .* got masks",
    ):
        pixelwise.segment_folder(tmp_path, tmp_path / "out", save=["masks"])
    with pytest.raises(ModelError, match="has no background class"):
        pixelwise.segment_folder(tmp_path, tmp_path / "out", trained.path, save=["cutout"])


@pytest.mark.parametrize("threads", [0, -1, 1.5])
def test_impossible_numbers_of_threads_are_refused(tmp_path: Path, threads: Any) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(ValueError, match="threads must be a whole number from 1 to 1024"):
        pixelwise.segment_folder(tmp_path / "photos", tmp_path / "out", threads=threads)
    with pytest.raises(ValueError, match="threads must be a whole number from 1 to 1024"):
        refine_folder(tmp_path / "photos", tmp_path / "photos", tmp_path / "out", threads=threads)


def test_a_run_folder_runs_in_torch_only(trained: TrainedRun) -> None:
    with pytest.raises(ModelError, match="is a run folder, which openvino does not run"):
        pixelwise.load(trained.path, engine="openvino")


@pytest.mark.parametrize("arguments", [{"classes": ["a"]}, {"mean": (0.5,) * 3}, {"multiple": 32}])
def test_what_only_a_torch_module_takes_is_not_passed_over(trained: TrainedRun, arguments: Any) -> None:
    for model in (trained.path, "default"):
        with pytest.raises(ValueError, match=f"{next(iter(arguments))}: a model file or run folder has"):
            pixelwise.load(model, **arguments)


def test_what_is_no_data_or_input_says_what_to_give(tmp_path: Path) -> None:
    image, labels = pairs(1)[0]
    given: Any
    for given, message in (
        ([], "expected at least one pair of an image and its labels"),
        ([("a.png", "a.txt")], "image 0 must be a numpy array, got str"),
        ([(image, labels.tolist())], "labels 0 must be a numpy array, got list"),
        (tmp_path, f'expected data as KIND:PATH, such as "folder:{tmp_path}"'),
        (None, "expected data as KIND:PATH, a data set or pairs of arrays, got None"),
        ((image[None], labels[None]), "got an array (1, 40, 56, 3) in place of one; zip(images, labels"),
        ([(image, labels, 0)], "expected a list of pairs (image, labels), got 'tuple' in place of one"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            pixelwise.evaluate("default", given, class_names=NAMES)
    given = ["cat"]
    with pytest.raises(ValueError, match=r'such as "background,animal=cat\+dog", got \[\'cat\'\]'):
        pixelwise.evaluate("default", [(image, labels)], class_names=NAMES, classes=given)
    given = "boundary"
    with pytest.raises(ValueError, match=r'expected a list of details, such as \["boundary"\]'):
        pixelwise.evaluate("default", [(image, labels)], class_names=["background", "cat"], details=given)
    given = {"mean_iou": 1.0}
    with pytest.raises(ValueError, match=r"what pixelwise\.evaluate returned, or the path .* got dict"):
        pixelwise.compare(given, given)
    given = [image]
    with pytest.raises(ValueError, match="got ndarray: a predictor takes pictures in memory"):
        pixelwise.segment_folder(given, tmp_path / "out")
    with pytest.raises(ValueError, match=r'such as \["mask"\]'):
        pixelwise.segment_folder(tmp_path, tmp_path / "out", save="mask")


def test_what_is_no_model_says_what_to_give() -> None:
    with pytest.raises(ModelError, match=r"the name of the model is empty\nhint: bundled models: default"):
        load("")
    with pytest.raises(ValueError, match=r"got Conv2d; for a torch module call torch\.onnx\.export"):
        export(torch.nn.Conv2d(3, 2, 1))  # type: ignore[arg-type]


def test_arrays_are_checked() -> None:
    image, labels = pairs(1)[0]
    with pytest.raises(
        ValueError, match=r"image 0 must be \(H, W, 3\) uint8, RGB, or bands .* got \(40, 56\)"
    ):
        labelled_arrays([(image[..., 0], labels)], NAMES)
    with pytest.raises(ValueError, match=r"labels 1 must be whole numbers of shape \(40, 56\), got"):
        labelled_arrays([(image, labels), (image, labels[1:])], NAMES)
    with pytest.raises(ValueError, match="arrays need class_names"):
        pixelwise.evaluate("default", [(image, labels)])
    for act in (
        lambda: pixelwise.evaluate("default", "folder:x", class_names=NAMES),
        lambda: pixelwise.train("finetune", "folder:x", class_names=NAMES),
    ):
        with pytest.raises(ValueError, match="class_names belong to arrays"):
            act()
    with pytest.raises(ValueError, match="val_data must say what to judge by"):
        pixelwise.train("finetune", [(image, labels)], class_names=NAMES)
    with pytest.raises(DataError, match="holds the ids 7, but only ids 0 to 1, 255 are known"):
        labelled_arrays([(image, np.full_like(labels, 7))], NAMES).read(0)


def test_a_mask_of_truth_values_has_the_ids_0_and_1() -> None:
    image, labels = pairs(1)[0]
    read = labelled_arrays([(image, labels == 1), (image, (labels == 1)[:, ::-1])], NAMES).read
    assert (read(0).labels == labels).all()
    assert (read(1).labels == labels[:, ::-1]).all()


def test_check_counts_faults_of_all_splits(tmp_path: Path) -> None:
    for split, count in (("train", 2), ("val", 1)):
        for kind in ("images", "labels"):
            (tmp_path / split / kind).mkdir(parents=True)
        for index, (image, labels) in enumerate(pairs(count, seed=count)):
            Image.fromarray(image).save(tmp_path / split / f"images/{split}{index}.png")
            Image.fromarray(labels).save(tmp_path / split / f"labels/{split}{index}.png")
    (tmp_path / "classes.txt").write_text("ground\nsquare\n")
    told: list[tuple[str, int, int]] = []
    clean = pixelwise.check(f"folder:{tmp_path}", on_image=lambda *progress: told.append(progress))
    assert clean.faults == 0
    assert told[-1] == ("val", 1, 1)
    (tmp_path / "train/labels/train1.png").unlink()
    found = pixelwise.check(f"folder:{tmp_path}")
    assert found.faults == 1
    assert found.to_dict()["splits"]["train"] == found.splits["train"].audit.to_dict()


@pytest.mark.parametrize(
    ("photos", "options", "engine"),
    [(2, {}, "OnnxEngine"), (9, {}, "OpenVinoEngine"), (2, {"engine": "openvino"}, "OpenVinoEngine")],
)
def test_a_few_photos_take_the_engine_that_starts_quickly(
    photos: int,
    options: LoadOptions,
    engine: str,
    model_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("openvino")
    loaded: list[Predictor] = []

    def loading(*args: Any, **options: Any) -> Predictor:
        loaded.append(load(*args, **options))
        return loaded[-1]

    monkeypatch.setattr(segmenting, "load", loading)
    (tmp_path / "photos").mkdir()
    for index in range(photos):
        Image.new("RGB", (8, 6), (index, 90, 200)).save(tmp_path / f"photos/{index}.png")
    done = pixelwise.segment_folder(tmp_path / "photos", tmp_path / "out", model_path, ["mask"], **options)
    assert len(done.outcomes) == photos
    assert [type(predictor.engine).__name__ for predictor in loaded] == [engine]
