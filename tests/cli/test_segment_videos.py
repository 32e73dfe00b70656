"""`pixelwise segment` with videos: what it prints, in folders and alone, with and without the extra."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from clips import BLUE, RED, colours, plain, write_clip
from PIL import Image
from typer.testing import CliRunner, Result
from verdicts import left_behind

import pixelwise
from pixelwise.cli.main import app

pytestmark = pytest.mark.slow  # starts processes

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(bundled: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run `pixelwise segment` in a folder with in/a.png and in/b.mp4, with the tiny model."""
    (tmp_path / "in").mkdir()
    Image.new("RGB", (6, 4), RED).save(tmp_path / "in" / "a.png")
    write_clip(tmp_path / "in" / "b.mp4", [plain(c) for c in (RED, RED, BLUE, BLUE, RED)], sound="aac")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, ["segment", *arguments])


def test_a_video_in_a_folder_is_segmented_beside_the_pictures(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("in", "--json", "--every", "2", "--smooth", "mean", "--output", "out")
    assert (done.exit_code, "not segmented" in done.stderr) == (0, False)
    picture, video = map(json.loads, done.stdout.splitlines())
    assert (picture["path"], "frames" in picture) == ("in/a.png", False)
    assert (video["path"], video["frames"], video["height"], video["width"]) == ("in/b.mp4", 3, 32, 48)
    assert video["outputs"] == {"mask": "out/b_frames", "overlay": "out/b_overlay.mp4"}
    assert video["notes"] == ["3 frames, every 2", "smoothed over time by a running mean"]
    assert sorted(path.name for path in (tmp_path / "out" / "b_frames").iterdir()) == [
        f"00000{number}_mask.png" for number in (0, 2, 4)
    ]
    again = invoke("in", "--json", "--every", "2", "--smooth", "mean", "--output", "out")
    assert [json.loads(line)["skipped"] for line in again.stdout.splitlines()] == [True, True]
    shown = invoke("in/b.mp4", "--output", "other").stdout
    assert shown.startswith("in/b.mp4  (48x32, 5 frames, ")
    assert shown.splitlines()[-2:] == ["  other/b_frames", "  other/b_overlay.mp4"]


def test_only_the_overlaid_video_or_only_masks_are_saved_if_asked_for(invoke: Invoke, tmp_path: Path) -> None:
    assert invoke("in/b.mp4", "--save", "overlay", "--smooth", "crf", "--output", "o").exit_code == 0
    assert [path.name for path in (tmp_path / "o").iterdir() if path.name[0] != "."] == ["b_overlay.mp4"]
    assert colours(tmp_path / "o" / "b_overlay.mp4")[0] == "red"
    assert invoke("in/b.mp4", "--save", "mask", "--output", "m").exit_code == 0
    assert [path.name for path in (tmp_path / "m").iterdir() if path.name[0] != "."] == ["b_frames"]
    piped = invoke("in/b.mp4", "--save", "mask", "-o", "-")
    assert (piped.exit_code, "this result is a folder" in piped.stderr) == (1, True)


def test_options_of_videos_and_pages_say_that_there_are_none(invoke: Invoke) -> None:
    done = invoke("in/a.png", "--every", "2", "--smooth", "mean", "--frames", "all")
    assert (done.exit_code, done.stderr.splitlines()) == (
        0,
        [
            "--every and --smooth changed nothing: no input is a video",
            "--frames all changed nothing: no file is an animation or a TIFF file of several pages",
        ],
    )
    assert invoke("in/a.png", "--smooth", "crf").stderr == "--smooth changed nothing: no input is a video\n"
    assert "changed nothing" not in invoke("in", "--every", "2").stderr


def test_a_submission_takes_no_video_and_says_so_before_the_work(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelwise.inference.outputs.submission.check_submission", lambda *_: "masks")
    done = invoke("in", "--submission", "x.tgz", "-o", "out")
    assert (done.exit_code, done.stderr) == (
        1,
        "error: no submission: in/b.mp4 is a video\nhint:  name the folder of the test pictures\n",
    )
    assert not (tmp_path / "out").exists()


def test_wrong_motion_is_wrong_usage(invoke: Invoke) -> None:
    for wrong in (["--every", "0"], ["--every", "x"], ["--smooth", "median"]):
        assert invoke("in", *wrong).exit_code == 2


def test_without_the_extra_videos_are_named_with_the_command_that_installs_it(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    folder = invoke("in")
    assert folder.exit_code == 0
    assert folder.stderr == 'not segmented: videos: 1 (in/b.mp4): pip install "pixelwise[video]"\n'
    alone = invoke("in/b.mp4")
    assert alone.exit_code == 1
    assert alone.stderr.splitlines() == [
        "error: in/b.mp4: a video; this needs the package av, which is not installed",
        'hint:  pip install "pixelwise[video]"',
    ]


def test_segment_folder_takes_videos_and_counts_their_frames(invoke: Invoke, tmp_path: Path) -> None:
    counted: list[tuple[int, int | None]] = []
    done = pixelwise.segment_folder(
        "in", "out", every=2, smooth="mean", on_frame=lambda count, total: counted.append((count, total))
    )
    assert [outcome.frames for outcome in done.outcomes] == [None, 3]
    assert counted == [(1, 3), (2, 3), (3, 3)]
    for wrong in ({"every": 0}, {"smooth": "median"}, {"frames": "some"}):
        options: Any = wrong
        with pytest.raises(ValueError, match=r"must be|is one of"):
            pixelwise.segment_folder("in", "out", **options)


CAMERA = """
import os, signal, sys
import av
from pixelwise.inference.engines.onnx import OnnxEngine
path, real, scores, count = sys.argv.pop(), av.open, OnnxEngine.coarse_scores, 0

class Endless:
    def __init__(self):
        self.file = real(path)
        self.streams, self.format, self.duration = self.file.streams, self.file.format, None
    def demux(self, stream):
        while True:
            self.file.seek(0)
            yield from (packet for packet in self.file.demux(stream) if packet.dts is not None)
    def close(self):
        self.file.close()

def opened(name, *rest, **named):
    return Endless() if name == "/dev/video0" else real(name, *rest, **named)

def counting(self, image):
    global count
    count += 1
    if count == 30:
        os.kill(os.getpid(), signal.SIGINT)
    return scores(self, image)

av.open, OnnxEngine.coarse_scores = opened, counting
from pixelwise.cli.main import main
main()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stand-in is a device of Linux")
def test_ctrl_c_ends_a_camera_and_its_video_is_complete(model_path: Path, tmp_path: Path) -> None:
    """An endless file stands in for the device."""
    path = write_clip(tmp_path / "x.mp4", [plain(RED)] * 8)
    options = ["--model", str(model_path), "--engine", "onnxruntime", "--threads", "1", "--output", "out"]
    done = subprocess.run(
        [sys.executable, "-c", CAMERA, "segment", "camera:0", *options, str(path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("camera:0  (48x32, ")
    assert set(colours(tmp_path / "out" / "camera_0_overlay.mp4")) == {"red"}
    assert left_behind(tmp_path) == []
