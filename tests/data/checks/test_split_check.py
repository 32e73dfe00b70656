"""What a check finds beyond single files: equal and similar images, labels off their images, a wrong 0."""

import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from typer.testing import CliRunner

from pixelwise.cli.main import app
from pixelwise.core.classes import Classes
from pixelwise.data import ClassMap, open_dataset
from pixelwise.data.checks.label_alignment import Alignment, align, reduced, suspicions
from pixelwise.data.checks.picture_hashes import Fingerprint, fingerprint, near_pairs
from pixelwise.data.checks.split_check import compare, inside, survey, suspect_zero

Array = npt.NDArray[np.uint8]


def scene(seed: int, height: int = 120, width: int = 160) -> tuple[Array, Array]:
    """A picture of three discs on a slope of light, with noise, and its labels."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((height, width))
    labels = np.zeros((height, width), np.uint8)
    for id_ in (1, 2, 1):
        row, column, radius = rng.uniform((20, 20, 12), (height - 20, width - 20, 30))
        labels[np.hypot(rows - row, columns - column) < radius] = id_
    ground = 60 + 60 * np.sin(columns / width * rng.uniform(1, 3) + rng.uniform(0, 3)) + rows * 0.2
    light = ground + rng.uniform(40, 80) * (labels == 1) - 40 * (labels == 2) + rng.normal(0, 6, labels.shape)
    return np.stack([light, 0.8 * light, 0.6 * light], -1).clip(0, 255).astype(np.uint8), labels


def write(root: Path, split: str, name: str, image: Array, labels: Array) -> None:
    for kind, array in (("images", image), ("labels", labels)):
        (root / split / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(root / split / kind / f"{name}.png")


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    (tmp_path / "classes.txt").write_text("ground\ndisc\nhole\n")
    for index in range(14):
        write(tmp_path, "train", f"{index:02}", *scene(index))
    for index in range(3):
        write(tmp_path, "val", f"v{index}", *scene(100 + index))
    return tmp_path


def printed(image: Array) -> Fingerprint:
    return fingerprint(image, reduced(image))


def aligned(image: Array, labels: Array) -> Alignment | None:
    return align(reduced(image), labels)


def jpeg(image: Array, quality: int) -> Array:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))


def test_a_picture_that_was_compressed_brightened_reduced_or_trimmed_is_similar() -> None:
    image = scene(0)[0]
    copies = {
        "compressed": jpeg(image, 30),
        "brightened": (image * 1.2).clip(0, 255).astype(np.uint8),
        "reduced": np.array(Image.fromarray(image).resize((80, 60))),
        "trimmed": image[2:-2, 2:-2],
    }
    for name, copy in copies.items():
        assert near_pairs([printed(image)], [printed(np.ascontiguousarray(copy))]) == [(0, 0)], name


def test_different_pictures_and_equal_ones_are_not_similar() -> None:
    prints = [printed(scene(seed)[0]) for seed in range(30)]
    assert near_pairs(prints[:15], prints[15:]) == []
    assert near_pairs(prints[:1], prints[:1]) == [], "equal pictures are duplicates, not similar ones"
    flat = [printed(np.full((50, 50, 3), grey, np.uint8)) for grey in (10, 200)]
    assert near_pairs(flat[:1], flat[1:]) == [], "two plain surfaces are no pair"


def test_digests_tell_shapes_apart() -> None:
    one, other = np.zeros((4, 6, 3), np.uint8), np.zeros((6, 4, 3), np.uint8)
    assert printed(one).digest != printed(other).digest
    assert printed(one).digest == printed(one.copy()).digest


def test_leaks_between_splits_are_found_and_each_told_once(scenes: Path) -> None:
    image, labels = scene(3)
    write(scenes, "val", "renamed", image, labels)
    write(scenes, "val", "05", *scene(5))
    write(scenes, "val", "again", jpeg(scene(7)[0], 40), scene(7)[1])
    surveys = {split: survey(open_dataset(f"folder:{scenes}", split)) for split in ("train", "val")}
    errors, warnings = compare(surveys)
    entries = [surveys[split].audit.dataset.entries for split in ("train", "val")]
    found = {
        leak.kind: [(entries[0][a].id, entries[1][b].id) for a, b in leak.pairs] for leak in errors + warnings
    }
    assert found == {"leaked": [("05", "05")], "duplicate": [("03", "renamed")], "similar": [("07", "again")]}
    assert [leak.message for leak in errors] == [
        "1 id in both train and val",
        "1 image of train in val under another name",
    ]


def test_an_image_twice_in_a_split_is_a_warning(scenes: Path) -> None:
    write(scenes, "train", "twin", *scene(2))
    report = survey(open_dataset(f"folder:{scenes}", "train")).audit
    assert [finding.message for finding in report.warnings] == ["02, twin are the same image"]


CHANGES: dict[str, Callable[[Array], Array]] = {
    "mirrored left to right": lambda labels: labels[:, ::-1],
    "upside down": lambda labels: labels[::-1],
    "turned by 180 degrees": lambda labels: labels[::-1, ::-1],
    "turned by a quarter, counterclockwise": lambda labels: np.rot90(labels),
    "turned by a quarter, clockwise": lambda labels: np.rot90(labels, -1),
    r"transposed \(rows as columns\)": lambda labels: labels.T,
    "transposed along the other diagonal": lambda labels: np.rot90(labels, 2).T,
    "moved by about 10 pixels to the right, in": lambda labels: np.roll(labels, 10, 1),
    "moved by about 8 pixels up and 12 pixels to the left, in": lambda labels: np.roll(
        labels, (-8, -12), (0, 1)
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_labels_that_all_lie_wrong_in_one_way_are_named(change: str) -> None:
    samples = [scene(seed, 130, 130) for seed in range(16)]
    alignments = [aligned(image, np.ascontiguousarray(CHANGES[change](labels))) for image, labels in samples]
    findings = suspicions(alignments)
    assert len(findings) == 1
    assert re.search(change.replace("10 p", r"\d+ p").replace("8 p", r"\d+ p"), findings[0].message)


@pytest.mark.slow
@pytest.mark.parametrize("tag", range(2, 9))
def test_an_exif_orientation_applied_to_one_side_only_is_found(tmp_path: Path, tag: int) -> None:
    """Square pictures of which every second was taken with the camera turned; their labels lie as stored."""
    (tmp_path / "classes.txt").write_text("ground\ndisc\nhole\n")
    turned = [f"{index:02}" for index in range(0, 30, 2)]
    for index in range(30):
        image, labels = scene(index, 130, 130)
        write(tmp_path, "all", f"{index:02}", image, labels)
        if index % 2 == 0:
            exif = Image.Exif()
            exif[0x0112] = tag
            Image.fromarray(image).save(tmp_path / f"all/images/{index:02}.png", exif=exif)
    [finding] = survey(open_dataset(f"folder:{tmp_path}", "all")).audit.warnings
    named = finding.message.partition(": ")[0].split(", ")
    assert set(named) <= set(turned)
    assert len(named) >= 0.5 * len(turned)
    assert "do not meet" in finding.message


def test_a_label_with_the_sides_of_its_image_swapped_asks_for_the_orientation(scenes: Path) -> None:
    image, labels = scene(0)
    write(scenes, "train", "00", image, np.ascontiguousarray(labels.T))
    [finding] = survey(open_dataset(f"folder:{scenes}", "train")).audit.errors
    assert "00: the label is 120 x 160 pixels, its image 160 x 120" in finding.message
    assert "turned by its EXIF orientation" in finding.message


def test_labels_in_place_are_not_suspected_and_swapped_ones_are() -> None:
    samples = [scene(seed) for seed in range(24)]
    labels = [labels for _, labels in samples]
    in_place = [aligned(image, labels) for image, labels in samples]
    assert suspicions(in_place) == []
    labels[2], labels[9] = labels[9], labels[2]
    swapped = suspicions([aligned(image, labels[i]) for i, (image, _) in enumerate(samples)])
    assert [sorted(finding.samples) for finding in swapped] == [[2, 9]]


def test_a_warning_names_the_samples_it_is_of(scenes: Path) -> None:
    for name, seed in (("02", 9), ("09", 2)):
        write(scenes, "train", name, scene(int(name))[0], scene(seed)[1])
    found = survey(open_dataset(f"folder:{scenes}", "train")).audit.warnings
    assert [finding.message.partition(": ")[0] for finding in found] in (["02, 09"], ["09, 02"])


def test_few_samples_and_samples_without_edges_say_nothing() -> None:
    image, labels = scene(0)
    assert aligned(image, np.zeros_like(labels)) is None
    assert aligned(np.full_like(image, 9), labels) is None
    assert aligned(image[:5, :5], labels[:5, :5]) is None
    assert suspicions([aligned(image, labels[:, ::-1])] * 5) == []


def test_inside_is_what_erosion_with_a_square_leaves() -> None:
    mask = np.random.default_rng(0).random((30, 40)) < 0.93
    padded = np.pad(mask, 2)
    expected = [[padded[i : i + 5, j : j + 5].all() for j in range(40)] for i in range(30)]
    assert inside(mask, 2).tolist() == expected


def zeros_of(labels: list[Array]) -> npt.NDArray[np.int64]:
    return np.array([(ids.size, (ids == 0).sum(), inside(ids == 0, 3).sum()) for ids in labels])


def test_a_class_0_of_thin_lines_and_a_void_0_of_areas_are_suspected() -> None:
    classes = Classes.named(["a", "b", "c"])
    areas = [scene(seed)[1] for seed in range(5)]
    lines = [np.where(np.arange(160) % 40 < 4, 0, 1 + ids).astype(np.uint8) for ids in areas]
    zero_is_class, zero_is_void = ClassMap.identity(classes), ClassMap.identity(classes, (0,), first=1)
    found = suspect_zero(zero_is_class, zeros_of(lines))
    assert 'id 0 ("a") has only thin lines, 10.0% of the pixels' in found[0].message
    assert suspect_zero(zero_is_class, zeros_of(areas)) == []
    assert "in large areas: is it a class?" in suspect_zero(zero_is_void, zeros_of(areas))[0].message
    assert suspect_zero(zero_is_void, zeros_of(lines)) == []


def check(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pixelwise", "check", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def faulty(scenes: Path) -> Path:
    write(scenes, "val", "renamed", *scene(3))
    write(scenes, "train", "range", scene(50)[0], scene(50)[1] * 4)
    write(scenes, "train", "size", scene(51)[0], scene(51)[1][:-3])
    (scenes / "train/labels/00.png").write_bytes((scenes / "train/labels/01.png").read_bytes()[:60])
    (scenes / "train/images/<i>&.png").write_bytes((scenes / "train/images/01.png").read_bytes())
    return scenes


@pytest.mark.slow
def test_check_tells_all_in_json_and_exits_with_1(faulty: Path) -> None:
    done = check(f"folder:{faulty}", "--json")
    assert done.returncode == 1
    assert "has 5 faults" in done.stderr
    told = json.loads(done.stdout)
    kinds = [finding["kind"] for finding in told["splits"]["train"]["errors"]]
    assert sorted(kinds) == ["ids", "missing", "size", "unreadable"]
    assert told["between"]["errors"][0]["pairs"] == [["03", "renamed"]]
    assert told["splits"]["val"]["samples"] == 4
    assert told["splits"]["val"]["heads"]["semantic"]["classes"][1]["name"] == "disc"


@pytest.mark.slow
def test_the_page_is_whole_in_itself_and_escapes_names(faulty: Path, tmp_path: Path) -> None:
    page = tmp_path / "out/page.html"
    assert check(f"folder:{faulty}", "--html", page).returncode == 1
    text = page.read_text()
    assert not re.search(r"https?:|<script|<link|src='(?!data:)", text), "nothing is fetched"
    assert "&lt;i&gt;&amp;" in text
    assert "<i>" not in text
    assert "Faults: 5, warnings: 0" in text
    figures = text.count("<figure>")
    assert figures == 8 + 4 + 4 + 1  # examples of both splits, errors of train, the leaked pair
    assert text.count("<img") <= 2 * figures


def test_only_classes_with_pixels_have_a_bar_on_the_page(scenes: Path, tmp_path: Path) -> None:
    (scenes / "classes.txt").write_text("ground\ndisc\nhole\nabsent\n")
    page = tmp_path / "page.html"
    CliRunner().invoke(app, ["check", f"folder:{scenes}", "--html", str(page)], catch_exceptions=False)
    rows = re.findall("<tr><td class=n>.*", page.read_text().replace("<tr>", "\n<tr>"))
    assert [("class=bar " in row) for row in rows] == [True, True, True, False] * 2  # train and val


@pytest.mark.slow
def test_a_browser_shows_the_page(faulty: Path, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no browser is installed")
    page, picture = tmp_path / "page.html", tmp_path / "page.png"
    check(f"folder:{faulty}", "--html", page)
    options = (
        "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync"
    )
    subprocess.run(
        [
            *(browser, *options.split(), f"--user-data-dir={tmp_path / 'profile'}", "--window-size=400,1200"),
            *(f"--screenshot={picture}", page.as_uri()),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    with Image.open(picture) as shot:
        pixels = np.asarray(shot.convert("RGB"))
    assert pixels.shape[:2] == (1200, 400)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 500, "thumbnails have many colours"


def test_a_sample_that_cannot_be_examined_is_a_finding(scenes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flat(*_: object) -> None:
        raise ZeroDivisionError("flat")

    dataset = open_dataset(f"folder:{scenes}", "train")
    monkeypatch.setattr("pixelwise.data.checks.split_check.fingerprint", flat)
    found = survey(dataset)
    messages = [finding.message for finding in found.audit.errors if finding.kind == "unreadable"]
    assert messages == [f"{entry.id}: ZeroDivisionError: flat" for entry in dataset.entries]
    assert set(found.prints) == {None}
