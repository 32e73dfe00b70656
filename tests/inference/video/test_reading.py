"""Frames of videos: upright, at their times; hostile and damaged files end in one clear line."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import BLUE, GREEN, RED, av, plain, strongest, write_clip

from pixelwise.core.errors import ImageError
from pixelwise.inference.video import reading
from pixelwise.inference.video.reading import Frame, Video, is_camera


def read(path: Path | str) -> tuple[list[Frame], Video]:
    with Video(path) as video:
        return list(video.frames()), video


@pytest.mark.parametrize(
    ("ending", "codec"),
    [
        ("mp4", "libx264"),
        ("mkv", "libx264"),
        ("avi", "mpeg4"),
        ("webm", "libvpx"),
        ("mov", "mjpeg"),
        ("mpg", "mpeg2video"),
    ],
)
def test_frames_come_in_order_with_their_times(ending: str, codec: str, tmp_path: Path) -> None:
    rate = 25 if ending == "mpg" else 10
    frames, video = read(
        write_clip(
            tmp_path / f"x.{ending}", [plain(c) for c in (RED, GREEN, BLUE, RED)], codec=codec, rate=rate
        )
    )
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [strongest(frame.pixels) for frame in frames] == ["red", "green", "blue", "red"]
    assert all(np.abs(frame.pixels.max(axis=(0, 1)).max() - 250.0) < 12 for frame in frames)
    steps = np.diff([float(frame.pts * video.time_base) for frame in frames])
    assert steps == pytest.approx(1 / rate, abs=0.002)
    assert video.notes() == []
    assert ending == "mpg" or (video.count is not None and abs(video.count - 4) <= 1)


def test_times_of_a_variable_frame_rate_are_kept(tmp_path: Path) -> None:
    frames, video = read(write_clip(tmp_path / "x.mp4", [plain(RED)] * 4, pts=[0, 1, 5, 12]))
    assert [float(frame.pts * video.time_base) for frame in frames] == pytest.approx([0, 0.1, 0.5, 1.2])


@pytest.mark.parametrize(("turn", "corner"), [(0, (0, 0)), (-90, (0, -1)), (90, (-1, 0)), (180, (-1, -1))])
def test_frames_are_turned_upright(turn: int, corner: tuple[int, int], tmp_path: Path) -> None:
    """The blue corner at the top left goes where a rotation by `turn`, counterclockwise, moves it."""
    pixels = plain(RED, (64, 96))
    pixels[:24, :24] = BLUE
    frames, _ = read(write_clip(tmp_path / "x.mp4", [pixels] * 2, turn=turn))
    upright = frames[0].pixels
    assert upright.shape == ((64, 96, 3) if turn % 180 == 0 else (96, 64, 3))
    corners = {(0, 0): upright[:16, :16], (0, -1): upright[:16, -16:]}
    corners |= {(-1, 0): upright[-16:, :16], (-1, -1): upright[-16:, -16:]}
    found = {place: strongest(part) for place, part in corners.items()}
    assert {place for place, color in found.items() if color == "blue"} == {corner}


def test_a_change_of_size_is_followed_and_noted(tmp_path: Path) -> None:
    first = write_clip(tmp_path / "a.ts", [plain(RED)] * 3)
    second = write_clip(tmp_path / "b.ts", [plain(BLUE, (64, 64))] * 3)
    (tmp_path / "x.ts").write_bytes(first.read_bytes() + second.read_bytes())
    frames, video = read(tmp_path / "x.ts")
    sizes = [frame.pixels.shape[:2] for frame in frames]
    assert (sizes[0], sizes[-1]) == ((32, 48), (64, 64))
    assert any("its size changes at frame" in note for note in video.notes())
    assert [frame.pts for frame in frames] == sorted({frame.pts for frame in frames}), "times increase"


def test_the_smallest_video_has_one_pixel(tmp_path: Path) -> None:
    frames, _ = read(write_clip(tmp_path / "x.mkv", [plain(RED, (1, 1))] * 2, codec="ffv1"))
    assert [frame.pixels.shape for frame in frames] == [(1, 1, 3)] * 2


def test_a_truncated_video_gives_its_whole_frames_and_says_so(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 32, 48, 3), np.uint8)
    for ending in ("mkv", "ts", "avi"):
        path = write_clip(
            tmp_path / f"x.{ending}", list(noise), codec="mpeg4" if ending == "avi" else "libx264"
        )
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        frames, video = read(path)
        assert 3 < len(frames) < 25, ending
        assert (ending == "ts") != any("its pictures end after" in note for note in video.notes()), ending
    path = write_clip(tmp_path / "x.mp4", list(noise))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ImageError, match=r"x\.mp4: a damaged video, or another file"):
        read(path)


@pytest.mark.parametrize("ending", ["mkv", "webm", "ts", "mp4", "avi"])
def test_a_recording_that_does_not_begin_at_0_is_whole(ending: str, tmp_path: Path) -> None:
    codec = "libvpx-vp9" if ending == "webm" else "libx264"
    frames = [plain(RED)] * 20
    path = write_clip(tmp_path / f"x.{ending}", frames, pts=range(50, 70), codec=codec)
    with Video(path) as video:
        assert len(list(video.frames())) == 20
        assert video.notes() == []
        places = 70 if ending == "avi" else 20  # AVI has no times, but places without a picture
        assert video.count is not None and abs(video.count - places) < 3


def test_damage_in_the_middle_costs_some_frames_and_is_noted(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 32, 48, 3), np.uint8)
    path = write_clip(tmp_path / "x.mp4", list(noise), codec="mjpeg")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle - 3000 : middle + 3000] = bytes(6000)
    path.write_bytes(content)
    frames, video = read(path)
    assert 10 < len(frames) < 30
    assert video.notes()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.mp4", b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.0,\nother.mp4\n#EXT-X-ENDLIST\n"),
        ("script.mp4", b"ffconcat version 1.0\nfile other.mp4\n"),
        ("dash.mp4", b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>'),
        ("session.mp4", b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n"),
        ("picture.mp4", b"\x89PNG\r\n\x1a\n" + bytes(40)),
        ("words.mp4", b"just words"),
        ("empty.mp4", b""),
        ("zeros.mp4", bytes(100_000)),
    ],
)
def test_playlists_and_other_files_are_not_opened_as_videos(
    name: str, content: bytes, tmp_path: Path
) -> None:
    write_clip(tmp_path / "other.mp4", [plain(RED)] * 2)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError, match=f"{name}: a damaged video, or another file"):
        read(tmp_path / name)


def test_videos_without_frames_or_pictures_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with av.open(str(tmp_path / "sound.mp4"), "w") as out:
        tone = out.add_stream("aac", rate=8000, layout="mono")
        piece = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        piece.sample_rate = 8000
        out.mux(tone.encode(piece))
        out.mux(tone.encode())
    with pytest.raises(ImageError, match=r"sound\.mp4: this file holds no video, perhaps only sound"):
        read(tmp_path / "sound.mp4")
    with pytest.raises(ImageError, match=r"none\.mp4: .*[Nn]o such file"):
        read(tmp_path / "none.mp4")
    with pytest.raises(ImageError, match="folder"):
        read(tmp_path)
    path = write_clip(tmp_path / "x.mkv", [plain(RED)] * 3)
    content = path.read_bytes()
    cluster = content.index(b"\x1f\x43\xb6\x75")
    path.write_bytes(content[: cluster + 8])
    with pytest.raises(ImageError, match=r"x\.mkv: "):
        read(path)
    monkeypatch.setattr(reading, "MOST_PIXELS", 1000)
    with pytest.raises(ImageError, match="a frame of 48x32 is too large"):
        read(write_clip(tmp_path / "y.mp4", [plain(RED)] * 2))


def test_an_endless_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.mp4")
    with pytest.raises(ImageError, match="device, pipe or socket"):
        read(tmp_path / "x.mp4")


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ImageError, match=r'a video; .* av, .*\nhint: pip install "pixelwise\[video\]"'):
        read(tmp_path / "x.mp4")


@pytest.mark.parametrize(
    ("system", "opened"),
    [
        ("linux", ("/dev/video0", "v4l2")),
        ("darwin", ("0", "avfoundation")),
        ("win32", ("video=Front", "dshow")),
    ],
)
def test_a_camera_is_opened_by_its_number(
    system: str, opened: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file stands in for the device."""
    path = write_clip(tmp_path / "x.mp4", [plain(RED)] * 3, pts=[70_000, 70_001, 70_003])
    asked: list[tuple[object, object]] = []
    real = av.open

    def stand_in(file: object, mode: str, format: str | None = None, **_: Any) -> object:
        asked.append((file, format))
        return real(str(path))

    monkeypatch.setattr(reading.sys, "platform", system)  # type: ignore[attr-defined]
    monkeypatch.setattr(av, "open", stand_in)
    devices = [type("Device", (), {"name": "Front", "media_types": ["video"]})]
    monkeypatch.setattr(av, "enumerate_input_devices", lambda _: devices)
    frames, _ = read("camera:0")
    assert (asked, len(frames)) == ([opened], 3)
    step = frames[1].pts
    assert [frame.pts for frame in frames] == [0, step, 3 * step]


def test_a_camera_that_is_not_there_is_named() -> None:
    with pytest.raises(ImageError, match="camera:77: the camera cannot be opened"):
        read("camera:77")
    assert all(map(is_camera, ("camera:0", "camera:/dev/x")))
    assert not any(map(is_camera, ("camera:", "camera", "a/camera:0", 0)))


def test_nothing_is_printed_about_damage(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (9, 32, 48, 3), np.uint8)
    path = write_clip(tmp_path / "x.mkv", list(noise))
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 300] = b"\xff" * 300
    path.write_bytes(content)
    code = "import sys; from pixelwise.inference.video.reading import Video"
    code += "\nwith Video(sys.argv[1]) as video: print(len(list(video.frames())))"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
