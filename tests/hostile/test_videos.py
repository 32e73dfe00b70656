"""Hostile videos, animations and HEIC photos: each is segmented or named, and the command keeps the rules."""

import os
from pathlib import Path

import pytest
from cases_pictures import Case
from cases_videos import cases, plain_video
from verdicts import broken_rules, left_behind, run

from pixelwise.core.terminal import printable

pytestmark = pytest.mark.slow  # starts processes

COUNT = int(os.environ.get("PIXELWISE_HOSTILE", "80"))
BATCH = 40


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    return list(cases(COUNT, 18, tmp_path_factory.mktemp("videos")))


@pytest.mark.parametrize("first", range(0, COUNT, BATCH))
def test_hostile_videos_are_segmented_or_named(
    first: int, made: list[Case], model_path: Path, tmp_path: Path
) -> None:
    batch = made[first : first + BATCH]
    last = plain_video(tmp_path / "last.mp4")
    before = sorted(tmp_path.rglob("*"))
    inputs = [str(case.path) for case in batch] + [str(last)]
    outcome = run(
        ["segment", *inputs, "--model", str(model_path), "--engine", "onnxruntime", "--threads", "2",
         "--output", "out", "--frames", "all", "--smooth", "mean"],
        tmp_path,
    )  # fmt: skip
    assert broken_rules(outcome) == []
    assert left_behind(tmp_path) == []
    outside = [path for path in sorted(tmp_path.rglob("*")) if tmp_path / "out" not in [path, *path.parents]]
    assert outside == before
    silent = [
        case.made
        for case in batch
        if f"error: {printable(case.path)}" not in outcome.stderr
        and f"{printable(case.path)}  (" not in outcome.stdout
        and f"{printable(case.path)}, page" not in outcome.stdout
    ]
    assert silent == []
    assert (tmp_path / "out" / "last_overlay.mp4").exists(), "the rest goes on"
