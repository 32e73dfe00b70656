"""Videos at URLs: fetched within limits, segmented as files are, resumed by their content."""

from pathlib import Path

import pytest
from clips import BLUE, RED, plain, write_clip
from hostile_server import served, sound

from pixelwise.core.errors import ImageError
from pixelwise.inference import Predictor
from pixelwise.inference.segment_files import Outcome, run
from pixelwise.inference.sources import video_urls
from pixelwise.inference.sources.tasks import plan

CLIP = "/clip.mp4"


@pytest.fixture
def clip(tmp_path: Path) -> bytes:
    return write_clip(tmp_path / "b.mp4", [plain(colour) for colour in (RED, RED, BLUE)]).read_bytes()


def test_a_video_at_a_url_is_segmented_once(predictor: Predictor, clip: bytes, tmp_path: Path) -> None:
    def segmented(url: str) -> Outcome:
        (task,) = plan([url], tmp_path / "out", allow_private_urls=True)
        (outcome,) = run(predictor, [task], tmp_path / "out")
        return outcome

    with served({CLIP: sound(clip, "video/mp4"), "/other.mp4": sound(clip[:-1], "video/mp4")}) as server:
        first, again = (
            segmented(f"{server.url}{CLIP}?token=secret"),
            segmented(f"{server.url}{CLIP}?token=secret"),
        )
        assert (first.problem, first.frames, first.skipped, again.skipped) == (None, 3, False, True)
        assert first.outputs["overlay"] == tmp_path / "out/clip_overlay.mp4"
        assert len(list((tmp_path / "out/clip_frames").glob("*_mask.png"))) == 3
        results = [
            result.areas()[0].name for _, result in predictor_with_leave(predictor).video(server.url + CLIP)
        ]
        assert results == ["red", "red", "blue"]
        server.answers[CLIP] = server.answers["/other.mp4"]  # changed since
        assert not segmented(f"{server.url}{CLIP}?token=secret").skipped
    records = (tmp_path / "out/.pixelwise/clip.json").read_text()
    assert "secret" not in records


def predictor_with_leave(predictor: Predictor) -> Predictor:
    predictor.allow_private_urls = True
    return predictor


def test_videos_at_urls_keep_the_rules(
    predictor: Predictor, clip: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {
        CLIP: sound(clip, "video/mp4"),
        "/page.mp4": sound(b"x", "text/html"),
        "/no.mp4": sound(b"", "video/mp4"),
    }
    with served(answers) as server:
        with pytest.raises(ImageError, match="a private address"):
            next(predictor.video(server.url + CLIP))
        predictor_with_leave(predictor)
        with pytest.raises(ImageError, match="expected a video, got text/html"):
            next(predictor.video(f"{server.url}/page.mp4"))
        with pytest.raises(ImageError, match="expected a video, got no bytes"):
            next(predictor.video(f"{server.url}/no.mp4"))
        monkeypatch.setattr(video_urls, "MOST_BYTES", 100)
        with pytest.raises(ImageError, match="expected at most 0 MB, got"):
            next(predictor.video(server.url + CLIP))


def test_a_full_disk_is_told_from_the_network(tmp_path: Path) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    with (
        pytest.raises(ImageError, match="x: no room for it: No space left") as caught,
        video_urls.downloaded(full, "x"),
    ):
        pass
    assert caught.value.hint == "TMPDIR may name another folder"


def test_a_video_in_a_store_is_segmented(predictor: Predictor, clip: bytes, tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    system.pipe("/films/a/b.mp4", clip)
    try:
        tasks = plan(["memory://films"], tmp_path / "out")
        (outcome,) = run(predictor, tasks, tmp_path / "out", ("overlay",))
        assert (outcome.problem, outcome.frames) == (None, 3)
        assert (tmp_path / "out/a/b_overlay.mp4").exists()
        assert len(list(predictor.video("memory://films/a/b.mp4"))) == 3
    finally:
        system.rm("/films", recursive=True)
