"""Hostile pictures: each is segmented or named, and the command keeps the rules of verdicts.py."""

import os
from pathlib import Path

import pytest
from cases_pictures import Case, cases
from verdicts import broken_rules, left_behind, run

from pixelwise.core.terminal import printable

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

COUNT = int(os.environ.get("PIXELWISE_HOSTILE", "200"))
BATCH = 50


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    return list(cases(COUNT, 14, tmp_path_factory.mktemp("pictures")))


@pytest.mark.parametrize("first", range(0, COUNT, BATCH))
def test_hostile_pictures_are_segmented_or_named(
    first: int, made: list[Case], model_path: Path, tmp_path: Path
) -> None:
    batch = made[first : first + BATCH]
    before = sorted(tmp_path.rglob("*"))
    inputs = [str(case.path) for case in batch]
    outcome = run(
        ["segment", *inputs, "--model", str(model_path), "--engine", "onnxruntime", "--threads", "2",
         "--output", "out"],
        tmp_path,
    )  # fmt: skip
    assert broken_rules(outcome) == []
    assert left_behind(tmp_path) == []
    outside = [path for path in sorted(tmp_path.rglob("*")) if tmp_path / "out" not in [path, *path.parents]]
    assert outside == before
    silent = [
        case.made
        for case in batch
        if f"error: {printable(case.path)}: " not in outcome.stderr
        and f"{printable(case.path)}  (" not in outcome.stdout
    ]
    assert silent == []
    assert len(outcome.stdout.splitlines()) + outcome.stderr.count("error: ") >= len(batch)
