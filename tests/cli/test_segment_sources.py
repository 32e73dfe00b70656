"""`pixelwise segment` with standard input and output, URLs and pages; and what it names as left out."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hostile_server import HOSTILE, served, sound
from PIL import Image
from typer.testing import CliRunner, Result
from verdicts import broken_rules, left_behind
from verdicts import run as run_forked

from pixelwise.cli.main import app

pytestmark = pytest.mark.slow  # starts processes

RED, BLUE = (255, 0, 0), (0, 0, 255)
Invoke = Callable[..., Result]


def png(color: tuple[int, int, int] = RED) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (6, 4), color).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def invoke(bundled: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run `pixelwise segment` in a folder, with the tiny model and bytes as standard input."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments, piped=b"": CliRunner().invoke(app, ["segment", *arguments], input=piped)


def test_a_picture_comes_from_standard_input(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("-", "--json", "--output", "out", piped=png())
    record = json.loads(done.stdout)
    assert (done.exit_code, record["path"], record["classes"][0]["name"]) == (0, "-", "red")
    assert record["outputs"] == {"mask": "out/stdin_mask.png", "overlay": "out/stdin_overlay.jpg"}
    assert json.loads(invoke("-", "--json", "--output", "out", piped=png()).stdout)["skipped"]
    other = json.loads(invoke("-", "--json", "--output", "out", piped=png(BLUE)).stdout)
    assert (other["skipped"], other["classes"][0]["name"]) == (False, "blue")
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_file()) == [
        "stdin_mask.png",
        "stdin_overlay.jpg",
    ]


def test_nothing_and_nonsense_on_standard_input_are_named(invoke: Invoke) -> None:
    for piped, message in (
        (b"", "expected a picture, got no bytes"),
        (b"words", "expected an image, got text"),
    ):
        done = invoke("-", piped=piped)
        assert (done.exit_code, done.stderr) == (1, f"error: standard input: {message}\n")


def test_one_result_goes_to_standard_output_and_nothing_else(model_path: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    for kind, size in (("mask", (6, 4)), ("cutout", (6, 4)), ("overlay", None)):
        arguments = ["-", "-o", "-", "--save", kind, "--model", str(model_path), "--engine", "onnxruntime"]
        done = subprocess.run(
            [sys.executable, "-m", "pixelwise", "segment", *arguments],
            input=png(),
            capture_output=True,
            cwd=tmp_path,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        with Image.open(io.BytesIO(done.stdout)) as image:
            image.load()
            assert size is None or image.size == size
            assert image.format == ("JPEG" if kind == "overlay" else "PNG")
            if kind == "mask":
                assert np.unique(np.asarray(image)).tolist() == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_annotations_go_to_standard_output(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "photos" / name).write_bytes(png())
    features = json.loads(invoke("photos/a.png", "-o", "-", "--save", "geojson").stdout)["features"]
    assert [feature["properties"]["class"] for feature in features] == ["red"]
    content = json.loads(invoke("photos/a.png", "-o", "-", "--save", "labelme").stdout)
    assert (content["imagePath"], content["imageData"]) == ("photos/a.png", None)
    content = json.loads(invoke("-", "-o", "-", "--save", "labelme", piped=png()).stdout)
    assert (content["imagePath"], len(content["imageData"]) > 99) == ("stdin.jpg", True)
    content = json.loads(invoke("photos", "-o", "-", "--save", "coco").stdout)
    assert [image["file_name"] for image in content["images"]] == ["a.png", "b.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundled", "photos"]


def test_files_about_all_pictures_are_named_at_the_end(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    done = invoke("a.png", "-o", "out", "--save", "csv,labelme")
    assert done.stderr.endswith("for all pictures: out/regions.csv, out/labels.txt\n")
    (tmp_path / "out/regions.csv").write_text("mine\n")
    note = "regions.csv was changed since it was written and is kept; --overwrite makes it again\n"
    assert invoke("a.png", "-o", "out", "--save", "csv,labelme").stderr.endswith(note)
    wrong = invoke("a.png", "--save", "csv", "--tolerance", "-1")
    assert (wrong.exit_code, "Invalid value for --tolerance" in wrong.stderr) == (2, True)


def test_standard_output_takes_one_kind_of_one_picture(invoke: Invoke, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png())
    for wrong in (["a.png", "-o", "-"], ["a.png", "-o", "-", "--save", "mask", "--json"]):
        done = invoke(*wrong)
        assert (done.exit_code, "one kind of result" in done.stderr, done.stdout) == (2, True, "")
    several = invoke("a.png", "b.png", "-o", "-", "--save", "mask")
    assert (several.exit_code, "there are 2 pictures" in several.stderr, several.stdout) == (1, True, "")
    missing = invoke("c.png", "-o", "-", "--save", "mask")
    assert (missing.exit_code, "no such file" in missing.stderr, missing.stdout) == (1, True, "")


def test_a_closed_standard_output_is_no_traceback(model_path: Path, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    arguments = ["-", "-o", "-", "--save", "mask", "--model", str(model_path), "--engine", "onnxruntime"]
    done = subprocess.run(
        [sys.executable, "-m", "pixelwise", "segment", *arguments],
        input=png(),
        stdout=writer,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_urls_need_leave_for_private_addresses(invoke: Invoke, tmp_path: Path) -> None:
    with served({"/red.png": sound(png())}) as server:
        refused = invoke(f"{server.url}/red.png")
        assert refused.exit_code == 1
        assert "127.0.0.1 is a private address" in refused.stderr and "--allow-private-urls" in refused.stderr
        allowed = invoke(f"{server.url}/red.png", "--allow-private-urls", "--json")
    record = json.loads(allowed.stdout)
    assert (record["path"], record["classes"][0]["name"]) == (f"{server.url}/red.png", "red")
    assert (tmp_path / "segmentation" / "red_mask.png").exists()


def test_hostile_urls_keep_the_rules_and_the_rest_goes_on(model_path: Path, tmp_path: Path) -> None:
    quick = [path for path in HOSTILE if not any(word in path for word in ("drip", "silent", "endless"))]
    assert len(quick) > 10
    with served({**HOSTILE, "/red.png": sound(png())}) as server:
        urls = [server.url + path for path in (*quick, "/red.png")]
        outcome = run_forked(
            ["segment", *urls, "--allow-private-urls", "--model", str(model_path), "--engine", "onnxruntime"],
            tmp_path,
        )
    assert (outcome.code, broken_rules(outcome), left_behind(tmp_path)) == (1, [], [])
    assert outcome.stderr.count("error: ") == len(quick)
    assert all(f"error: {url}: " in outcome.stderr for url in urls[:-1])
    assert sorted(path.name for path in tmp_path.rglob("*.png")) == ["red_mask.png"]


def test_all_pages_of_a_file_are_segmented_if_asked_for(invoke: Invoke, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (6, 4), color) for color in (RED, BLUE, RED)]
    (tmp_path / "in").mkdir()
    for name in ("a.gif", "b.tif"):
        frames[0].save(tmp_path / "in" / name, save_all=True, append_images=frames[1:])
    first = invoke("in", "--output", "out", "--save", "mask")
    assert first.stdout.count("only the first frame") == 2
    assert (
        "further frames or pages of files: 2 (in/a.gif, in/b.tif): --frames all segments them too"
        in first.stderr
    )
    done = invoke("in", "--output", "out", "--save", "mask", "--frames", "all", "--json")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    found = [(Path(record["path"]).name, record["page"], record["classes"][0]["name"]) for record in records]
    assert found == [
        (name, page, color)
        for name in ("a.gif", "b.tif")
        for page, color in ((1, "red"), (2, "blue"), (3, "red"))
    ]
    assert [record["outputs"]["mask"] for record in records[:3]] == [
        f"out/a_page000{page}_mask.png" for page in (1, 2, 3)
    ]
    assert not any(record["notes"] for record in records)
    again = invoke("in", "--output", "out", "--save", "mask", "--frames", "all", "--json")
    assert [json.loads(line)["skipped"] for line in again.stdout.splitlines()] == [True] * 6
    assert "a.gif, page 2  (" in invoke("in/a.gif", "--frames", "all").stdout
    assert invoke("in", "--frames", "some").exit_code == 2


def test_a_damaged_page_is_one_error_and_the_others_are_segmented(invoke: Invoke, tmp_path: Path) -> None:
    frames = [Image.effect_noise((60, 40), 90).convert("RGB") for _ in range(6)]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:], compression="tiff_lzw")
    with Image.open(tmp_path / "a.tif") as image:
        image.seek(3)
        place = image.tag_v2[273][0]  # type: ignore[attr-defined]
    content = bytearray((tmp_path / "a.tif").read_bytes())
    content[place : place + 8] = b"\xff" * 8
    (tmp_path / "a.tif").write_bytes(content)
    done = invoke("a.tif", "--frames", "all", "--save", "mask")
    assert done.exit_code == 1
    assert next(line for line in done.stderr.splitlines() if "error" in line).startswith(
        "error: a.tif, page 4: "
    )
    made = sorted(path.name for path in tmp_path.rglob("*_mask.png"))
    assert made == [f"a_page000{page}_mask.png" for page in (1, 2, 3, 5, 6)]


def test_a_raw_photo_is_named_whether_alone_or_in_a_folder(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(png())
    Image.new("RGB", (6, 4)).save(tmp_path / "in" / "b.nef", "TIFF")
    folder = invoke("in")
    assert folder.exit_code == 0
    assert folder.stderr == "not segmented: raw photos: 1 (in/b.nef): convert them to JPEG or TIFF\n"
    alone = invoke("in/b.nef")
    assert alone.exit_code == 1
    assert "in/b.nef: expected an image, got a raw photo" in alone.stderr and "darktable-cli" in alone.stderr


@pytest.mark.parametrize("output", ["s3://bucket/results", "memory://results", "https://host/results"])
def test_results_do_not_go_to_a_url(output: str, invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    done = invoke("a.png", "--output", output)
    assert (done.exit_code, "results go to a folder of this machine" in done.stderr) == (1, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "bundled"]
