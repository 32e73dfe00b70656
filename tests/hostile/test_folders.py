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
def test_hostile_folders_are_read_or_named(batch: int, exit_codes: set[int], tmp_path: Path) -> None:
    faults = []
    checked = 0
    for case in cases(BATCH, batch, tmp_path):
        outcome = run(case.arguments, tmp_path, *LOADED)
        broken = broken_rules(outcome, case.named)
        faults += [f"{case.made}: {fault}" for fault in [*broken, *left_behind(tmp_path)]]
        exit_codes.add(outcome.code)
        checked += 1
    assert faults == []
    assert checked >= len(BUILDERS)


def test_some_changes_do_no_harm_and_others_are_refused(exit_codes: set[int]) -> None:
    assert {0, 1} <= exit_codes, "run it together with the batches"
