"""Hostile folders, lists, arrays and .mat files: each is read or named, and all rules of verdicts.py hold."""

import os
from pathlib import Path

import pytest
from cases_folders import BUILDERS, cases
from verdicts import broken_rules, left_behind, run

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

COUNT = int(os.environ.get("PIXELWISE_HOSTILE", "72"))
LOADED = ("pixelwise.data.checks.check_page", "pixelwise.data.conversion")
BATCH = 24


@pytest.mark.parametrize("batch", range(-(-COUNT // BATCH)))
def test_hostile_folders_are_read_or_named(batch: int, tmp_path: Path) -> None:
    outcomes, faults = [], []
    for case in cases(BATCH, batch, tmp_path):
        outcome = run(case.arguments, tmp_path, *LOADED)
        broken = broken_rules(outcome, case.named)
        faults += [f"{case.made}: {fault}" for fault in [*broken, *left_behind(tmp_path)]]
        outcomes.append(outcome.code)
    assert faults == []
    assert len(outcomes) >= len(BUILDERS)
    assert {0, 1} <= set(outcomes), "some changes do no harm, most are refused"
