"""The verdicts notice what they are for."""

from pathlib import Path

import pytest
from verdicts import Outcome, broken_rules, run

SOUND = Outcome(1, "", "error: a.png: it is damaged\n", 0.1, 10)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome(-11, "", "", 1, 10), "signal 11"),
        (Outcome(1, "", "Traceback (most recent call last)\nerror: a.png", 1, 10), "nobody foresaw"),
        (Outcome(1, "", "error: a.png\nx.py:3: RuntimeWarning: overflow", 1, 10), "warning"),
        (Outcome(1, "", "error: a.png", 1, 2500), "2500 MB"),
        (Outcome(1, "", "", 1, 10), "without a word"),
        (Outcome(1, "", "error: something", 1, 10), "a.png is not named"),
        (Outcome(0, "\x1b[31m", "", 1, 10), "control characters"),
    ],
)
def test_each_rule_is_noticed_when_broken(outcome: Outcome, said: str) -> None:
    assert broken_rules(SOUND, "a.png") == []
    assert any(said in fault for fault in broken_rules(outcome, "a.png"))


def test_a_command_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    outcome = run(["check", "folder:missing"], tmp_path)
    assert outcome.code == 1
    assert broken_rules(outcome, "missing") == []
