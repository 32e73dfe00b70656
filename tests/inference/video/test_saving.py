"""Videos in an output folder: masks, overlaid videos with sound, resumed runs, nothing half-written."""

import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import BLUE, GREEN, RED, av, colours, plain, times, write_clip
from PIL import Image
from tiny_model import tiny_info
from verdicts import left_behind

from pixelwise.core.types import RGBImage, Scores
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.segment_files import Outcome, run
from pixelwise.inference.sources.tasks import plan
from pixelwise.inference.video import saving, writing
from pixelwise.inference.video.saving import Motion

Segment = Callable[..., list[Outcome]]


@pytest.fixture
def segment(predictor: Predictor, tmp_path: Path) -> Segment:
    def go(*inputs: Path, by: object = predictor, **options: object) -> list[Outcome]:
        tasks = plan(inputs, tmp_path / "out")
        return list(run(by, tasks, tmp_path / "out", **options))  # type: ignore[arg-type]

    return go


def masks(folder: Path) -> list[str]:
    """The strongest label of each frame, by the order of the file names."""
    found = []
    for path in sorted(folder.glob("*_mask.png")):
        with Image.open(path) as image:
            found.append(
                ("background", "red", "green", "blue")[int(np.bincount(np.asarray(image).ravel()).argmax())]
            )
    return found


def test_a_video_gives_masks_and_an_overlaid_video_with_its_sound(segment: Segment, tmp_path: Path) -> None:
    frames = [plain(c) for c in (RED, GREEN, BLUE, BLUE, RED)]
    path = write_clip(tmp_path / "x.mp4", frames, pts=[0, 1, 3, 4, 8], sound="aac")
    (outcome,) = segment(path, kinds=("mask", "overlay", "cutout"))
    assert outcome.problem is None
    assert (outcome.frames, outcome.size) == (5, (32, 48))
    assert {kind: place.name for kind, place in outcome.outputs.items()} == {
        "mask": "x_frames", "overlay": "x_overlay.mp4", "cutout": "x_frames",
    }  # fmt: skip
    assert masks(tmp_path / "out" / "x_frames") == ["red", "green", "blue", "blue", "red"]
    assert len(list((tmp_path / "out" / "x_frames").glob("00000?_cutout.png"))) == 5
    overlay = tmp_path / "out" / "x_overlay.mp4"
    assert colours(overlay) == ["red", "green", "blue", "blue", "red"]
    assert times(overlay) == pytest.approx([0, 0.1, 0.3, 0.4, 0.8], abs=1e-3)
    assert sound_of(overlay) == sound_of(path)
    shares = {area.name: area.area for area in outcome.areas}
    assert shares == pytest.approx({"red": 0.4, "blue": 0.4, "green": 0.2}, abs=0.02)
    assert sorted(path.name for path in (tmp_path / "out" / ".pixelwise").iterdir()) == ["x.json"]


def sound_of(path: Path) -> list[bytes]:
    """The packets of the sound."""
    with av.open(str(path)) as file:
        packets = [bytes(packet) for packet in file.demux(audio=0) if packet.size]
    assert len(packets) > 2
    return packets


def test_sound_that_mp4_does_not_hold_is_encoded_again(segment: Segment, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "x.mkv", [plain(RED)] * 10, sound="pcm_s16le")
    assert segment(path)[0].problem is None
    with av.open(str(tmp_path / "out" / "x_overlay.mp4")) as file:
        (sound,) = file.streams.audio
        assert sound.codec_context.name == "aac"
        assert float(sound.duration * sound.time_base) == pytest.approx(1.0, abs=0.15)
        heard = np.concatenate([frame.to_ndarray().ravel() for frame in file.decode(sound)])
    assert 0.1 < np.abs(heard).max() < 0.5


@pytest.mark.parametrize(("ending", "codec", "rate"), [("avi", "mp3", 44_100), ("mkv", "mp3", 44_100)])
def test_sound_that_mp4_holds_is_copied_from_other_containers(
    ending: str, codec: str, rate: int, segment: Segment, tmp_path: Path
) -> None:
    path = write_clip(tmp_path / f"x.{ending}", [plain(RED)] * 10, sound=codec, sound_rate=rate)
    (outcome,) = segment(path, kinds=("overlay",))
    assert outcome.problem is None
    assert sound_of(tmp_path / "out" / "x_overlay.mp4")[:20] == sound_of(path)[:20]


@pytest.mark.parametrize(
    ("ending", "codec", "rate", "made"),
    [
        ("mov", "pcm_s16le", 192_000, 96_000),
        ("avi", "pcm_s16le", 5000, 7350),
        ("avi", "adpcm_ms", 22_050, 22_050),
    ],
)
def test_sound_of_an_unusual_rate_is_encoded_at_the_nearest_that_there_is(
    ending: str, codec: str, rate: int, made: int, segment: Segment, tmp_path: Path
) -> None:
    path = write_clip(tmp_path / f"x.{ending}", [plain(RED)] * 10, sound=codec, sound_rate=rate)
    (outcome,) = segment(path, kinds=("overlay",))
    assert outcome.problem is None
    with av.open(str(tmp_path / "out" / "x_overlay.mp4")) as file:
        sound = file.streams.audio[0]
        assert (sound.codec_context.name, sound.codec_context.sample_rate) == ("aac", made)
        assert float(sound.duration * sound.time_base) == pytest.approx(1, abs=0.15)


def test_sound_that_cannot_be_written_does_not_cost_the_pictures(
    segment: Segment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> object:
        raise av.ArgumentError(22, "Invalid argument")

    monkeypatch.setattr(writing, "_sound", refused)
    (outcome,) = segment(write_clip(tmp_path / "x.mp4", [plain(RED)] * 3, sound="aac"), kinds=("overlay",))
    assert outcome.notes == ["3 frames", "overlay without the sound, which MP4 does not hold"]
    assert colours(tmp_path / "out" / "x_overlay.mp4") == ["red"] * 3


@pytest.mark.parametrize(("turn", "expected"), [(None, Fraction(16, 11)), (90, Fraction(11, 16))])
def test_pixels_that_are_not_square_and_the_last_frame_are_shown_as_in_the_original(
    turn: int | None, expected: Fraction, segment: Segment, tmp_path: Path
) -> None:
    path = write_clip(tmp_path / "x.mp4", [plain(RED)] * 3, turn=turn, aspect=Fraction(16, 11), rate=4)
    segment(path, kinds=("overlay",))
    with av.open(str(tmp_path / "out" / "x_overlay.mp4")) as file:
        assert file.streams.video[0].sample_aspect_ratio == expected
        assert file.duration == 750_000


def test_joined_recordings_go_on_where_the_first_ends(segment: Segment, tmp_path: Path) -> None:
    """The times of the second begin again, and so do those of its sound."""
    one = write_clip(tmp_path / "one.m2ts", [plain(RED)] * 15, sound="mp2", sound_rate=48_000)
    (tmp_path / "x.m2ts").write_bytes(one.read_bytes() * 2)
    (outcome,) = segment(tmp_path / "x.m2ts", kinds=("overlay",))
    assert outcome.frames == 30
    overlay = tmp_path / "out" / "x_overlay.mp4"
    steps = np.diff(times(overlay))
    assert steps == pytest.approx([0.1] * 29, abs=1e-3)
    with av.open(str(overlay)) as file:
        sound = file.streams.audio[0]
        assert float(sound.duration * sound.time_base) == pytest.approx(3, abs=0.1)


def test_frames_a_microsecond_apart_are_all_kept(segment: Segment, tmp_path: Path) -> None:
    """The container of the parts leaves out some times of decoding here."""
    pts = [0, 1, 5, 100, 100_000, 100_001, 2_000_000]
    path = write_clip(tmp_path / "x.mp4", [plain(RED)] * len(pts), pts=pts, rate=1_000_000)
    segment(path, kinds=("overlay",))
    assert times(tmp_path / "out" / "x_overlay.mp4") == pytest.approx([at / 1e6 for at in pts], abs=1e-6)


def test_the_parts_of_a_long_video_are_joined_without_a_seam(
    segment: Segment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "PART", 4)
    wheel = [plain((RED, GREEN, BLUE)[index % 3]) for index in range(12)]
    for count in (1, 3, 4, 5, 8, 12):
        path = write_clip(tmp_path / f"{count}.mp4", wheel[:count])
        assert segment(path, kinds=("overlay",))[0].frames == count
        overlay = tmp_path / "out" / f"{count}_overlay.mp4"
        assert colours(overlay) == (["red", "green", "blue"] * 4)[:count]
        assert times(overlay) == pytest.approx(times(path), abs=1e-3)
        assert not (tmp_path / "out" / f"{count}_frames").exists()


def test_every_third_frame_keeps_numbers_and_times(segment: Segment, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "x.mp4", [plain(c) for c in (RED, GREEN, BLUE, BLUE, RED, RED, GREEN)])
    (outcome,) = segment(path, motion=Motion(every=3))
    assert [path.name for path in sorted((tmp_path / "out" / "x_frames").iterdir())] == [
        "000000_mask.png", "000003_mask.png", "000006_mask.png",
    ]  # fmt: skip
    assert masks(tmp_path / "out" / "x_frames") == ["red", "blue", "green"]
    assert times(tmp_path / "out" / "x_overlay.mp4") == pytest.approx([0, 0.3, 0.6])
    assert outcome.notes == ["3 frames, every 3"]


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (33, 47), (2, 2)])
def test_odd_and_tiny_sizes_are_kept_in_masks_and_padded_in_the_video(
    size: tuple[int, int], segment: Segment, tmp_path: Path
) -> None:
    path = write_clip(tmp_path / "x.mkv", [plain(RED, size)] * 3, codec="ffv1")
    assert segment(path)[0].problem is None
    with Image.open(tmp_path / "out" / "x_frames" / "000002_mask.png") as mask:
        assert mask.size == (size[1], size[0])
    with av.open(str(tmp_path / "out" / "x_overlay.mp4")) as file:
        (first, *_) = file.decode(video=0)
        assert (first.height, first.width) == (size[0] + size[0] % 2, size[1] + size[1] % 2)


def test_a_change_of_size_keeps_the_video_and_gives_masks_of_both(segment: Segment, tmp_path: Path) -> None:
    first = write_clip(tmp_path / "a.ts", [plain(RED)] * 3)
    second = write_clip(tmp_path / "b.ts", [plain(BLUE, (64, 64))] * 3)
    (tmp_path / "x.mts").write_bytes(first.read_bytes() + second.read_bytes())
    (outcome,) = segment(tmp_path / "x.mts")
    assert outcome.problem is None and any("its size changes" in note for note in outcome.notes)
    sizes = []
    for path in sorted((tmp_path / "out" / "x_frames").iterdir()):
        with Image.open(path) as mask:
            sizes.append(mask.size)
    assert (sizes[0], sizes[-1]) == ((48, 32), (64, 64))
    assert set(colours(tmp_path / "out" / "x_overlay.mp4")) == {"red", "blue"}


class Failing(Predictor):
    """Interrupts at a frame."""

    calls, limit = 0, 10**9

    def __call__(self, source: object) -> object:  # type: ignore[override]
        self.calls += 1
        if self.calls > self.limit:
            raise KeyboardInterrupt
        return super().__call__(source)  # type: ignore[arg-type]


@pytest.mark.parametrize("smooth", [None, "mean"])
def test_an_interrupted_run_leaves_nothing_half_and_goes_on_where_it_stopped(
    smooth: str | None,
    predictor: Predictor,
    segment: Segment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(saving, "PART", 4)
    path = write_clip(
        tmp_path / "x.mp4", [plain((RED, GREEN, BLUE)[index // 7]) for index in range(21)], sound="aac"
    )
    failing = Failing(predictor.engine, tiny_info())
    failing.limit = 15
    motion = Motion(smooth=smooth)
    with pytest.raises(KeyboardInterrupt):
        segment(path, by=failing, motion=motion)
    assert not (tmp_path / "out" / "x_overlay.mp4").exists()
    assert left_behind(tmp_path) == []
    finished = list((tmp_path / "out" / ".pixelwise" / "x_frames").glob("*.part"))
    assert 1 <= len(finished) <= 3
    failing.calls, failing.limit = 0, 10**9
    (outcome,) = segment(path, by=failing, motion=motion)
    assert 21 - 4 * len(finished) <= failing.calls <= 21 - 4 * len(finished) + 2
    assert outcome.frames == 21
    assert len(masks(tmp_path / "out" / "x_frames")) == 21
    assert colours(tmp_path / "out" / "x_overlay.mp4")[::7] == ["red", "green", "blue"]
    assert times(tmp_path / "out" / "x_overlay.mp4") == pytest.approx(times(path), abs=1e-3)
    shares = {area.name: area.area for area in outcome.areas}
    assert sum(shares.values()) == pytest.approx(1) and min(shares.values()) > 0.28
    failing.calls = 0
    (again,) = segment(path, by=failing, motion=motion)
    assert (again.skipped, failing.calls, again.frames, again.areas) == (True, 0, 21, outcome.areas)


def test_another_video_model_or_motion_is_not_mixed_with_what_is_there(
    predictor: Predictor, segment: Segment, tmp_path: Path
) -> None:
    path = write_clip(tmp_path / "x.mp4", [plain(RED)] * 6)
    segment(path)
    assert not segment(path, motion=Motion(every=2))[0].skipped
    assert len(masks(tmp_path / "out" / "x_frames")) == 3, "the frames of the other run are gone"
    assert not segment(path)[0].skipped
    write_clip(path, [plain(BLUE)] * 4)
    (outcome,) = segment(path)
    assert (outcome.skipped, masks(tmp_path / "out" / "x_frames")) == (False, ["blue"] * 4)
    (tmp_path / "out" / "x_frames" / "000001_mask.png").unlink()
    assert not segment(path)[0].skipped
    assert segment(path)[0].skipped
    assert not segment(path, overwrite=True)[0].skipped


@pytest.mark.parametrize("interrupted", [False, True])
def test_kinds_that_a_run_with_another_motion_left_are_not_mixed_with_new_ones(
    interrupted: bool, segment: Segment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, every_second = write_clip(tmp_path / "x.mp4", [plain(RED)] * 6), Motion(every=2)
    segment(path, kinds=["mask"])
    with monkeypatch.context() as patch:
        if interrupted:
            patch.setattr(saving, "_notes", lambda *_: 1 / 0)
        (outcome,) = segment(path, kinds=["confidence"], motion=every_second)
    assert (outcome.problem is None) != interrupted
    segment(path, kinds=["mask"], motion=every_second)
    made = sorted(path.name for path in (tmp_path / "out/x_frames").glob("*_mask.png"))
    assert made == ["000000_mask.png", "000002_mask.png", "000004_mask.png"]
    assert segment(path, kinds=["mask"], motion=every_second)[0].skipped


def test_temporary_files_of_killed_runs_are_removed(segment: Segment, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "x.mp4", [plain(RED)] * 3)
    segment(path)
    for folder in ("x_frames", ".pixelwise/x_frames"):
        place = tmp_path / "out" / folder / ".0123456789ab.partial"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(b"half of a mask")
    (outcome,) = segment(path, overwrite=True)
    assert outcome.problem is None
    assert left_behind(tmp_path) == []


def test_files_of_the_user_are_not_removed_or_mixed_with_results(segment: Segment, tmp_path: Path) -> None:
    (tmp_path / "out" / "x_frames").mkdir(parents=True)
    (tmp_path / "out" / "x_frames" / "000000_mask.png").write_text("mine")
    path = write_clip(tmp_path / "x.mp4", [plain(RED)] * 2)
    (outcome,) = segment(path)
    assert outcome.outputs["mask"].name == "x_mp4_frames"
    assert (tmp_path / "out" / "x_frames" / "000000_mask.png").read_text() == "mine"


def test_results_of_videos_are_not_inputs(segment: Segment, tmp_path: Path, predictor: Predictor) -> None:
    (tmp_path / "in").mkdir()
    write_clip(tmp_path / "in" / "x.mp4", [plain(RED)] * 2)
    list(run(predictor, plan([tmp_path / "in"], tmp_path / "in" / "own"), tmp_path / "in" / "own"))
    found = plan([tmp_path / "in"], tmp_path / "out")
    assert [str(task.place) for task in found] == ["x.mp4"]


def test_videos_and_pictures_come_in_order_and_a_broken_video_stops_nobody(
    segment: Segment, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.png", "c.png", "e.png"):
        Image.new("RGB", (6, 4), RED).save(tmp_path / "in" / name)
    write_clip(tmp_path / "in" / "b.mp4", [plain(RED)] * 2)
    (tmp_path / "in" / "d.mkv").write_text("words")
    outcomes = segment(tmp_path / "in", workers=2)
    assert [Path(outcome.path).name for outcome in outcomes] == ["a.png", "b.mp4", "c.png", "d.mkv", "e.png"]
    assert [outcome.problem is None for outcome in outcomes] == [True, True, True, False, True]
    assert not list((tmp_path / "out").glob("d*"))


@pytest.mark.slow
def test_damaged_sound_does_not_cost_the_pictures(segment: Segment, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 32, 48, 3), np.uint8)
    for ending, sound in (("mkv", "aac"), ("avi", "pcm_s16le")):
        path = write_clip(tmp_path / f"x.{ending}", list(noise), codec="mpeg4", sound=sound)
        content = bytearray(path.read_bytes())
        content[len(content) // 2 :: 97] = bytes(len(content[len(content) // 2 :: 97]))
        path.write_bytes(content)
        (outcome,) = segment(path)
        assert outcome.problem is None, outcome.problem
        assert len(colours(outcome.outputs["overlay"])) == outcome.frames


def test_a_video_whose_every_score_fails_is_one_problem(
    predictor: Predictor, segment: Segment, tmp_path: Path
) -> None:
    class Broken:
        threads = 1

        def scores(self, image: RGBImage) -> Scores:
            return np.full((4, *image.shape[:2]), np.nan, np.float32)

    path = write_clip(tmp_path / "x.mp4", [plain(RED)] * 3)
    (outcome,) = segment(path, by=Predictor(Broken(), tiny_info()))
    assert "x.mp4: " in str(outcome.problem) and "NaN" in str(outcome.problem)
    assert left_behind(tmp_path) == []
    assert not (tmp_path / "out" / "x_overlay.mp4").exists()


def test_a_forged_record_of_progress_is_not_followed(segment: Segment, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "x.mp4", [plain(RED)] * 3)
    segment(path)
    record = tmp_path / "out" / ".pixelwise" / "x.json"
    record.write_text(record.read_text().partition('"result"')[0] + '"result": null}')
    scratch = tmp_path / "out" / ".pixelwise" / "x_frames"
    scratch.mkdir()
    for text in ("", "[]", "{}", '{"kinds": ["mask", "overlay"], "frames": -50}', "[" * 100_000,
                 '{"kinds": ["mask", "overlay"], "frames": 50, "size": [1, 1], "scored_size": [1, 1], '
                 '"shown_size": [1, 1], "pixels": ["a"], "confidence": [1]}'):  # fmt: skip
        scratch.mkdir(exist_ok=True)
        (scratch / "progress.json").write_text(text)
        record_text = record.read_text()
        (outcome,) = segment(path)
        assert (outcome.problem, outcome.frames) == (None, 3)
        record.write_text(record_text)


@pytest.mark.parametrize("link", ["x_frames", ".pixelwise/x_frames"])
def test_a_folder_of_results_that_leads_elsewhere_is_not_written_or_cleared(
    link: str, segment: Segment, tmp_path: Path
) -> None:
    path = write_clip(tmp_path / "x.mp4", [plain(RED)] * 2)
    assert segment(path)[0].problem is None
    for name in ("x_frames", ".pixelwise/x_frames"):
        shutil.rmtree(tmp_path / "out" / name, ignore_errors=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "000000_mask.png").write_text("mine")
    (tmp_path / "out" / link).symlink_to(tmp_path / "elsewhere")
    (outcome,) = segment(path, overwrite=True)
    assert "is a link that leads out of the output folder" in str(outcome.problem)
    assert [path.read_text() for path in (tmp_path / "elsewhere").iterdir()] == ["mine"]


@pytest.mark.parametrize(
    "rate",
    [
        Fraction(30_000, 1001),
        Fraction(1_720_000_001, 90_000_000_003) / 3,
        Fraction(10**12 + 1, 3),
        Fraction(1, 2**40),
    ],
)
def test_any_rate_of_frames_is_written(rate: Fraction, tmp_path: Path) -> None:
    """FFmpeg's fractions have 32 bits."""
    frames = [(number, np.zeros((16, 16, 3), np.uint8)) for number in range(2)]
    with (tmp_path / "part").open("wb") as file:
        writing.encode_part(file, frames, writing.Shape((16, 16), Fraction(1, 1_000_000), rate, Fraction(1)))
    with av.open(str(tmp_path / "part")) as made:
        assert sum(1 for _ in made.decode(video=0)) == 2
