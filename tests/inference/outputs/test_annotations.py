"""A run leaves annotations that the data readers read pixel for pixel, and keeps what people have changed."""

import base64
import errno
import io
import itertools
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from label_pictures import Reading, labelled, write_labels
from PIL import Image

from pixelwise.core.classes import Classes, voc_palette
from pixelwise.core.errors import ImageError
from pixelwise.core.types import Labels
from pixelwise.data import open_dataset
from pixelwise.inference.outputs.run_files import write_run_files
from pixelwise.inference.results.kind import Saving
from pixelwise.inference.results.kinds import KINDS
from pixelwise.inference.segment_files import Outcome, run
from pixelwise.inference.segmentation import Segmentation
from pixelwise.inference.sources.tasks import plan

CLASSES = Classes.named(["background", "cat", "dog", "bird"])
ALL = ("labelme", "yolo", "geojson", "coco", "cvat", "csv")


class Runs:
    """Runs over the pictures of tmp_path/data/images, with results in tmp_path/data/labels."""

    def __init__(self, place: Path) -> None:
        self.photos, self.output = place / "data/images", place / "data/labels"
        self.predictor = Reading(CLASSES)
        self.notes: tuple[str, ...] = ()

    def picture(self, name: str, labels: Labels) -> Path:
        return write_labels(self.photos / name, labels)

    def save(self, *kinds: str, overwrite: bool = False, tolerance: float = 0.0) -> list[Outcome]:
        tasks, saving = plan([self.photos], self.output), Saving(tolerance)
        outcomes = list(run(self.predictor, tasks, self.output, kinds, overwrite, saving=saving))
        _, self.notes = write_run_files(
            outcomes, kinds, self.output, self.predictor.classes, saving, overwrite
        )
        return outcomes

    def spec(self, kind: str) -> str:
        return {
            "labelme": f"labelme:{self.output}",
            "yolo": f"yolo:{self.output}",
            "coco": f"coco:{self.output / 'coco.json'},images={self.photos}",
            "cvat": f"cvat:{self.output / 'annotations.xml'},images={self.photos}",
        }[kind]

    def read(self, kind: str) -> dict[str, Labels]:
        data = open_dataset(self.spec(kind), "all")
        return {data.entries[index].id: data.read(index).labels for index in range(len(data))}


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def noise(seed: int, size: tuple[int, int] = (13, 17)) -> Labels:
    return np.random.default_rng(seed).integers(0, 4, size).astype(np.uint8)


def rings() -> Labels:
    """Holes in holes, in the middle and at the border; the innermost is one pixel."""
    rows, columns = np.mgrid[:15, :21]
    depth = np.minimum(np.minimum(rows, 14 - rows), np.minimum(columns, 20 - columns))
    return np.asarray(depth % 4, np.uint8)


PICTURES: dict[str, Labels] = {
    "noise.png": noise(0),
    "rings.png": rings(),
    "diagonal.png": np.eye(6, dtype=np.uint8) * 2,
    "one.png": np.array([[3]], np.uint8),
    "nothing.png": np.zeros((2, 3), np.uint8),
    "full.png": np.full((4, 1), 1, np.uint8),
}


def test_all_formats_in_one_folder_read_back_pixel_for_pixel(runs: Runs) -> None:
    for name, labels in PICTURES.items():
        runs.picture(name, labels)
    outcomes = runs.save("mask", *ALL)
    assert [outcome.problem for outcome in outcomes] == [None] * len(PICTURES)
    for kind in ("labelme", "yolo", "coco", "cvat"):
        read = runs.read(kind)
        assert len(read) == len(PICTURES), kind
        for name, labels in PICTURES.items():
            np.testing.assert_array_equal(read[name.removesuffix(".png")], labels, f"{kind} of {name}")
    table = (runs.output / "regions.csv").read_text().splitlines()
    assert sum("one.png,bird,3,1,1,0,0,1,1,0.50,0.50,0.9479" in line for line in table) == 1
    assert sum("diagonal.png,dog" in line for line in table) == 6


def test_labels_read_back_within_the_tolerance_and_another_one_makes_them_again(runs: Runs) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    smooth = ndimage.gaussian_filter(np.random.default_rng(3).random((90, 120)), 5)
    labels = (smooth > np.quantile(smooth, 0.6)).astype(np.uint8)
    runs.picture("a.png", labels)
    runs.save("labelme", "coco")
    sizes = [(runs.output / name).stat().st_size for name in ("a.json", "coco.json")]
    (again,) = runs.save("labelme", "coco", tolerance=1.0)
    assert not again.skipped
    fewer = [(runs.output / name).stat().st_size for name in ("a.json", "coco.json")]
    assert all(few < size / 2 for few, size in zip(fewer, sizes, strict=True))
    inside = np.pad(labels, 1, mode="edge") > 0
    depth = np.maximum(ndimage.distance_transform_edt(inside), ndimage.distance_transform_edt(~inside))
    for kind in ("labelme", "coco"):
        moved = runs.read(kind)["a"] != labels
        assert 0 < moved.mean() < 0.05
        assert depth[1:-1, 1:-1][moved].max() - 0.5 <= 1.0 + 1e-9
    (third,) = runs.save("mask", tolerance=1.0)
    assert third.problem is None
    with pytest.raises(ValueError, match="at least 0 pixels, got -1"):
        Saving(-1)


def test_what_a_person_has_corrected_is_kept_and_named_until_overwritten(runs: Runs) -> None:
    for name in ("a.png", "b.png"):
        runs.picture(name, noise(1))
    runs.save("labelme", "mask", "coco")
    mine = runs.output / "a.json"
    corrected = mine.read_text().replace('"cat"', '"dog"')  # the size stays
    mine.write_text(corrected)
    (runs.output / "coco.json").write_text("{}")
    note = "was changed since it was written and is kept; --overwrite makes it again"

    runs.predictor.identity = "another model"
    first, second = runs.save("labelme", "mask", "coco")
    assert (first.skipped, second.skipped) == (False, False)
    assert (first.notes, second.notes, runs.notes) == ([f"a.json {note}"], [], (f"coco.json {note}",))
    assert (mine.read_text(), (runs.output / "coco.json").read_text()) == (corrected, "{}")

    first, second = runs.save("labelme", "mask")  # the next run knows, and skips it
    assert (first.skipped, first.notes, second.notes) == (True, [f"a.json {note}"], [])
    runs.save("mask", overwrite=True)  # a run of other kinds does not forget it
    first, _ = runs.save("labelme")
    assert (first.notes, mine.read_text()) == ([f"a.json {note}"], corrected)

    first, _ = runs.save("labelme", "coco", overwrite=True)
    assert (first.notes, runs.notes, "cat" in mine.read_text()) == ([], (), True)
    np.testing.assert_array_equal(runs.read("coco")["a"], noise(1))
    assert runs.save("labelme")[0].skipped


def test_a_longer_file_of_a_person_is_neither_lost_nor_made_again(runs: Runs) -> None:
    runs.picture("a.png", noise(1))
    runs.save("labelme", "mask")
    for name in ("a.json", "a_mask.png"):
        with (runs.output / name).open("ab") as file:
            file.write(b"\n")
    (outcome,) = runs.save("labelme", "mask")
    assert (outcome.skipped, runs.predictor.calls) == (True, 1)
    assert [note.partition(" ")[0] for note in outcome.notes] == ["a.json", "a_mask.png"]
    (runs.output / "a.json").unlink()
    (outcome,) = runs.save("labelme", "mask")
    assert (outcome.skipped, [note.partition(" ")[0] for note in outcome.notes]) == (False, ["a_mask.png"])
    np.testing.assert_array_equal(runs.read("labelme")["a"], noise(1))


@pytest.mark.parametrize("overwrite", [False, True])
def test_files_that_were_there_before_are_never_replaced(runs: Runs, overwrite: bool) -> None:
    for name in ("a.png", "b.png"):
        runs.picture(name, noise(2))
    runs.output.mkdir()
    for name in ("a.json", "labels.txt", "regions.csv"):
        (runs.output / name).write_text("mine")
    for _ in range(2):
        first, second = runs.save("labelme", "csv", overwrite=overwrite)
        assert (first.notes, second.notes) == (["a.json was there before and is kept"], [])
        assert runs.notes == tuple(f"{n} was there before and is kept" for n in ("labels.txt", "regions.csv"))
    assert runs.predictor.calls == (4 if overwrite else 2)
    assert {(runs.output / name).read_text() for name in ("a.json", "labels.txt", "regions.csv")} == {"mine"}


def test_a_list_of_other_classes_is_noted_since_corrected_files_go_with_the_old_one(runs: Runs) -> None:
    runs.picture("a.png", noise(1))
    runs.save("labelme", "yolo", "coco")
    mine = runs.output / "a.txt"
    mine.write_text(mine.read_text().replace("0 ", "2 ", 1))
    runs.save("labelme", "yolo", "coco")
    assert not runs.notes
    runs.predictor = Reading(Classes.named(["background", "road", "car", "tree"]), "another")
    (outcome,) = runs.save("labelme", "yolo", "coco")
    assert [note.partition(" ")[0] for note in outcome.notes] == ["a.txt"]
    assert [note.partition(";")[0] for note in runs.notes] == [
        f"{name} lists other classes than before" for name in ("labels.txt", "data.yaml")
    ]
    assert '"road"' in (runs.output / "data.yaml").read_text()


def test_files_about_all_pictures_hold_those_of_earlier_runs(runs: Runs) -> None:
    for index in range(6):
        runs.picture(f"{index}.png", noise(index))
    tasks = plan([runs.photos], runs.output)
    stream = run(runs.predictor, tasks, runs.output, ["coco", "csv"])
    next(stream), next(stream)
    stream.close()  # type: ignore[attr-defined]
    done = runs.predictor.calls
    assert 2 <= done < 6
    assert not (runs.output / "coco.json").exists()
    outcomes = runs.save("coco", "csv")
    assert (sum(outcome.skipped for outcome in outcomes), runs.predictor.calls) == (done, 6)
    assert {name: labels.tolist() for name, labels in runs.read("coco").items()} == {
        str(index): noise(index).tolist() for index in range(6)
    }
    runs.save("coco", "csv")
    assert runs.predictor.calls == 6
    table = (runs.output / "regions.csv").read_text()
    (runs.output / ".pixelwise/3_regions.npz").unlink()
    runs.save("coco", "csv")
    assert (runs.predictor.calls, (runs.output / "regions.csv").read_text() == table) == (7, True)
    (runs.output / ".pixelwise/3_regions.npz").write_bytes(b"x" * 5)
    with pytest.raises(ImageError, match=r"(?s)3_regions.npz: its regions cannot be read.*--overwrite"):
        write_run_files(outcomes, ["coco"], runs.output, CLASSES, Saving())
    assert len(runs.read("coco")) == 6


@pytest.mark.parametrize("beside", [True, False])
def test_an_output_folder_behind_a_link_leads_to_the_pictures(
    beside: bool, runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "disk/far/away").mkdir(parents=True)
    (tmp_path / "data").symlink_to(tmp_path / "disk/far", target_is_directory=True)
    if not beside:
        runs.output = tmp_path / "results"
        runs.output.symlink_to(tmp_path / "disk/far/away", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    runs.output = runs.output.relative_to(tmp_path)
    runs.picture("a.png", noise(1))
    runs.save("labelme", "yolo")
    np.testing.assert_array_equal(runs.read("labelme")["a"], noise(1))
    names = json.loads((runs.output / "a.json").read_text())["imagePath"]
    train = (runs.output / "data.yaml").read_text().splitlines()[0]
    assert (names, train) == ("../images/a.png", 'train: "../images"'), "as short as where no link is"
    assert (runs.output / names).is_file()


def test_pictures_in_subfolders_read_back_by_their_path(runs: Runs) -> None:
    names = ["a", "deep/a", "deep/er/a"]
    for index, name in enumerate(names):
        runs.picture(f"{name}.png", noise(index))
    runs.save(*ALL)
    for kind in ("labelme", "yolo", "coco", "cvat"):
        read = runs.read(kind)
        assert sorted(read) == names, kind
        for index, name in enumerate(names):
            np.testing.assert_array_equal(read[name], noise(index))


def test_a_correction_that_keeps_the_size_is_named_when_the_picture_is_skipped(runs: Runs) -> None:
    runs.picture("a.png", noise(1))
    runs.save("labelme", "mask")
    file = runs.output / "a.json"
    file.write_text(file.read_text().replace('"cat"', '"dog"'))
    for _ in range(2):
        (outcome,) = runs.save("labelme", "mask")
        assert outcome.skipped
        assert outcome.notes == [
            "a.json was changed since it was written and is kept; --overwrite makes it again"
        ]


def test_a_run_without_annotations_keeps_no_record_of_them(runs: Runs) -> None:
    runs.picture("a.png", noise(1))
    runs.save("mask")
    assert [path.name for path in (runs.output / ".pixelwise").iterdir()] == ["a.json"]


def test_a_picture_that_fails_is_left_out_of_the_files_about_all(runs: Runs) -> None:
    runs.picture("good.png", noise(0))
    (runs.photos / "bad.png").write_bytes(b"no picture")
    bad, good = runs.save("coco", "labelme")
    assert (bad.problem is None, good.problem) == (False, None)
    assert list(runs.read("coco")) == list(runs.read("labelme")) == ["good"]


def test_pictures_called_as_a_file_about_all_get_other_names(runs: Runs) -> None:
    for name in ("coco.png", "labels.png", "deep/coco.png"):
        runs.picture(name, noise(4))
    outcomes = runs.save("labelme", "yolo", "coco")
    names = [outcome.outputs["labelme"].relative_to(runs.output).as_posix() for outcome in outcomes]
    assert names == ["coco_png.json", "labels_png.json", "deep/coco.json"]
    assert sorted(runs.read("coco")) == ["coco", "deep/coco", "labels"]


@pytest.mark.parametrize("classes", ["plain", "odd"])
def test_odd_names_of_pictures_and_classes_read_back(runs: Runs, classes: str) -> None:
    if classes == "odd":
        runs.predictor.classes = Classes(
            ('thing, "big" & <small>', "a;b\n", "=1+1", "Straße, 'é'"), voc_palette(4), background=0
        )
    names = ["=1, 'x'.png", 'é "2" & <3>.png', "ü;%20#.png"]
    for name in names:
        runs.picture(name, noise(5))
    runs.save(*ALL)
    for kind in ("labelme", "yolo", "coco", "cvat"):
        read = runs.read(kind)
        assert sorted(read) == sorted(name.removesuffix(".png") for name in names)
        for labels in read.values():
            np.testing.assert_array_equal(labels, noise(5))
    for name in names:
        content = json.loads((runs.output / name.replace(".png", ".geojson")).read_text())
        found = {feature["properties"]["class"] for feature in content["features"]}
        assert found == set(runs.predictor.classes.names[1:])


def test_pages_keep_their_picture_in_labelmes_file(tmp_path: Path) -> None:
    pages = [noise(seed, (5, 7)) for seed in range(3)]
    shown = [Image.fromarray(np.repeat(page[:, :, None], 3, axis=2)) for page in pages]
    shown[0].save(tmp_path / "scan.tif", save_all=True, append_images=shown[1:])
    tasks = plan([tmp_path / "scan.tif"], tmp_path / "out", all_frames=True)
    outcomes = list(run(Reading(CLASSES), tasks, tmp_path / "out", ["labelme", "csv"]))
    write_run_files(outcomes, ["labelme", "csv"], tmp_path / "out", CLASSES, Saving())
    data = open_dataset(f"labelme:{tmp_path / 'out'}", "all")
    assert [entry.id for entry in data.entries] == ["scan_page0001", "scan_page0002", "scan_page0003"]
    for index, page in enumerate(pages):
        sample = data.read(index)
        np.testing.assert_array_equal(sample.labels, page)
        assert abs(sample.image.astype(int) - page[:, :, None]).max() <= 3  # it is a JPEG there
    table = (tmp_path / "out/regions.csv").read_text()
    assert all(f"scan_page000{number}.tif" in table for number in (1, 2, 3))


def test_geojson_says_which_coordinates_it_has(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    features = pytest.importorskip("rasterio.features")
    labels, transform = noise(6), rasterio.Affine(10, 0, 500_000, 0, -10, 4_000_000)
    options = {"driver": "GTiff", "height": 13, "width": 17, "count": 3, "dtype": "uint8"}
    with rasterio.open(tmp_path / "map.tif", "w", crs="EPSG:32633", transform=transform, **options) as file:
        file.write(np.repeat(labels[None], 3, axis=0))
    write_labels(tmp_path / "plain.png", labels)
    inputs = [tmp_path / "map.tif", tmp_path / "plain.png"]
    on_map, plain = run(Reading(CLASSES), plan(inputs, tmp_path / "o"), tmp_path / "o", ["geojson"])
    assert (on_map.notes, plain.notes) == (
        ["geojson in the coordinates of EPSG:32633"],
        ["geojson in pixels"],
    )
    for name, place in (("map", transform), ("plain", rasterio.Affine.identity())):
        content = json.loads((tmp_path / f"o/{name}.geojson").read_text())
        shapes = [(entry["geometry"], entry["properties"]["id"]) for entry in content["features"]]
        drawn = features.rasterize(shapes, labels.shape, transform=place, dtype=np.uint8)
        np.testing.assert_array_equal(drawn, labels)
        for entry in content["features"]:
            sums = [_turn(ring) for ring in entry["geometry"]["coordinates"]]
            assert sums[0] > 0, "RFC 7946: outer rings go counter-clockwise, by the values of x and y"
            assert all(turn < 0 for turn in sums[1:])
    assert (
        content["features"][0]["geometry"]["coordinates"][0][0]
        == (content["features"][0]["geometry"]["coordinates"][0][-1])
    )


def _turn(ring: Sequence[Sequence[float]]) -> float:
    x, y = np.array(ring).T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum())


@pytest.mark.slow
@pytest.mark.parametrize("first", [False, True])
def test_a_full_disk_leaves_whole_files(first: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in itertools.count(1):
        runs = Runs(tmp_path / str(step))
        if not first:
            runs.picture("a.png", noise(7))
            runs.save(*ALL)
        runs.picture("a.png", noise(8))
        steps = itertools.count(1)

        def full(_: int, step: int = step, steps: "itertools.count[int]" = steps) -> None:
            if next(steps) == step:
                raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            try:
                problem = runs.save(*ALL)[0].problem
            except ImageError as error:
                problem = error
        assert not list(runs.output.rglob("*.partial"))
        for kind, name in (("labelme", "a.json"), ("coco", "coco.json"), ("cvat", "annotations.xml")):
            if kind == "labelme" and not (runs.output / "labels.txt").exists():
                assert first and problem  # without it the ids follow the alphabet
            elif (runs.output / name).exists():
                read = runs.read(kind)["a"].tolist()
                assert read == noise(8).tolist() or (problem and read == noise(7).tolist())
            else:
                assert first and problem, name
        if problem is None:
            break
        assert problem.message.endswith("No space left on device")
        assert (runs.save(*ALL)[0].problem, runs.notes) == (None, ())
        np.testing.assert_array_equal(runs.read("coco")["a"], noise(8))
    assert step == 15  # a claim, 4 files, digests and a record; 5 files about all, digests and a record


@pytest.mark.slow
def test_after_a_kill_at_any_step_nothing_is_taken_for_changed(tmp_path: Path) -> None:
    for step in itertools.count(1):
        runs = Runs(tmp_path / str(step))
        runs.picture("a.png", noise(8))
        runs.save("labelme", "coco")
        runs.predictor.identity = "another model"
        runs.picture("a.png", noise(9))
        child = os.fork()
        if child == 0:
            _kill_at(step, runs.output)
            runs.save("labelme", "coco")
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        (outcome,) = runs.save("labelme", "coco")
        assert (outcome.notes, runs.notes) == ([], ()), f"killed at step {step}"
        for kind in ("labelme", "coco"):
            np.testing.assert_array_equal(runs.read(kind)["a"], noise(9))
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert step > 10


def _kill_at(step: int, output: Path) -> None:
    """End this process by a signal before its `step`-th change below `output`."""
    steps = itertools.count(1)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        changes = event in ("os.rename", "os.remove") or (
            event == "open" and isinstance(arguments[1], str) and arguments[1][0] in "xwa"
        )
        if changes and str(arguments[0]).startswith(str(output)) and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


@pytest.mark.parametrize("kind", [kind for kind, entry in KINDS.items() if entry.run_file is not None])
def test_one_result_is_saved_alone(kind: str, tmp_path: Path) -> None:
    result = labelled(noise(10), CLASSES)
    path = result.save(tmp_path / "x", [kind])[kind]
    names = {"coco": "x_coco.json", "cvat": "x_annotations.xml", "csv": "x_regions.csv"}
    assert path.name == names.get(kind, f"x{KINDS[kind].ending}")
    write_labels(tmp_path / "x.jpg", noise(10))
    if kind in ("coco", "cvat"):
        sample = open_dataset(f"{kind}:{path},images={tmp_path}", "all").read(0)
        np.testing.assert_array_equal(sample.labels, noise(10))


def test_regions_are_records_of_what_a_result_shows() -> None:
    labels = np.zeros((6, 8), np.uint8)
    labels[1:5, 1:5], labels[2:4, 2:4], labels[5, 7] = 1, 0, 2
    cat, dog = labelled(labels, CLASSES).regions()
    assert (cat.id, cat.name, cat.area, cat.box, cat.centroid) == (1, "cat", 12, (1, 1, 4, 4), (3, 3))
    assert cat.outer.tolist() == [[1, 1], [5, 1], [5, 5], [1, 5]]
    assert [sorted(hole.tolist()) for hole in cat.holes] == [[[2, 2], [2, 4], [4, 2], [4, 4]]]
    assert (dog.name, dog.area, dog.box) == ("dog", 1, (7, 5, 1, 1))
    sure = np.exp(4) / (np.exp(4) + 3)
    assert [cat.confidence, dog.confidence] == pytest.approx([sure, sure], abs=1e-5)
    with pytest.raises(ValueError, match="at least 0 pixels"):
        labelled(labels, CLASSES).regions(tolerance=float("nan"))


def test_no_picture_takes_the_record_of_the_files_about_all(tmp_path: Path) -> None:
    photo = tmp_path / ".run_files.png"
    Image.new("RGB", (2, 2)).save(photo)
    (task,) = plan([photo], tmp_path / "out")
    assert str(task.stem) == ".run_files_png"


def test_labelme_gets_a_heic_photo_as_a_jpeg(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "photo.jpg"  # as phones' exports are called at times
    heif.from_pillow(Image.new("RGB", (64, 48), (200, 30, 30))).save(path, format="HEIF")
    result = Segmentation(np.zeros((4, 4, 4), np.float32), (48, 64), CLASSES, np.zeros((4, 4, 3), np.uint8))
    result.path = path
    content = json.loads(result.save(tmp_path / "photo", ["labelme"])["labelme"].read_bytes())
    assert content["imagePath"] == "photo.jpg"
    with Image.open(io.BytesIO(base64.b64decode(content["imageData"]))) as shown:
        assert (shown.format, shown.size) == ("JPEG", (64, 48))


def lines(content: bytes) -> list[int]:
    """The lengths of a file's first lines."""
    return [0, *(index + 1 for index, byte in enumerate(content) if byte == 10)]


@pytest.mark.parametrize("length", ["nothing", "half", "all but two bytes", "zeros"])
def test_a_file_that_a_crash_has_cut_off_is_made_again(runs: Runs, length: str) -> None:
    pytest.importorskip("rasterio", reason="needs rasterio")
    runs.predictor = Reading(CLASSES)
    runs.picture("a.png", noise(1))
    kinds = [*(kind for kind in KINDS if kind not in ("yolo", "csv")), "labelme"]
    runs.save(*kinds)
    files = [path for path in runs.output.iterdir() if path.is_file() and path.suffix != ".txt"]
    files.append(runs.output / ".pixelwise/a_regions.npz")
    whole = {path: path.read_bytes() for path in files}
    assert len(files) == 11
    for path, content in whole.items():
        cut = {"nothing": 0, "half": len(content) // 2, "all but two bytes": len(content) - 2, "zeros": 0}
        rest = b"\0" * len(content) if length == "zeros" else b""
        path.write_bytes(content[: cut[length]] + rest)
        (outcome,) = runs.save(*kinds)
        assert (outcome.problem, path.read_bytes() == content) == (None, True), path
        note = f"{path.name} was cut off since it was written, as by a crash, and is made again"
        assert path.parent.name == ".pixelwise" or [*outcome.notes, *runs.notes][-1] == note
        (outcome,) = runs.save(*kinds)
        assert outcome.skipped and not any("cut off" in said for said in [*outcome.notes, *runs.notes])


def test_lines_that_end_early_may_be_a_persons_and_are_kept(runs: Runs) -> None:
    runs.picture("a.png", noise(1))
    runs.save("yolo", "csv")
    for name in ("a.txt", "regions.csv"):
        content = (runs.output / name).read_bytes()
        note = "since it was written and is kept; --overwrite makes it again"
        for length, what in ((lines(content)[2], "changed"), (lines(content)[2] - 2, "changed or cut off")):
            (runs.output / name).write_bytes(content[:length])
            (outcome,) = runs.save("yolo", "csv")
            assert [*outcome.notes, *runs.notes] == [f"{name} was {what} {note}"]
            assert (runs.output / name).stat().st_size == length
        (runs.output / name).write_bytes(content)


def test_json_with_a_fault_inside_is_a_persons(runs: Runs) -> None:
    runs.picture("a.png", noise(1))
    runs.save("labelme")
    file = runs.output / "a.json"
    for wrong in ('"points" [', "[" * 100_000 + "}"):
        mine = file.read_text().replace('"points": [', wrong, 1)
        file.write_text(mine)
        (outcome,) = runs.save("labelme")
        assert (len(outcome.notes), file.read_text() == mine) == (1, True)
