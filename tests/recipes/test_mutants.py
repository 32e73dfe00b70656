"""The values of the papers, changed one at a time in the source: each change must turn a test red."""

from pathlib import Path

import pytest
from mutants import Mutant, Outcome, mutated, outcomes

PROTOCOLS = ("tests/recipes/test_protocols.py",)
DEEPLAB = "tests/models/nets/test_deeplab.py"
FCN = "tests/models/nets/test_fcn.py"
SOURCES = "tests/data/sources/test_mat_sources.py"


def recipe(file: str, old: str, new: str) -> Mutant:
    return Mutant(f"recipes/{file}.py", old, new, PROTOCOLS)


def setting(old: str, new: str) -> Mutant:
    return Mutant("training/setup/paper_settings.py", old, new, PROTOCOLS)


def net(file: str, old: str, new: str, *tests: str) -> Mutant:
    return Mutant(f"models/nets/{file}.py", old, new, tests)


MUTANTS = {
    "FCN without dropout": recipe("voc_fcn", "dropout=0.5,\n    mirror", "dropout=0.0,\n    mirror"),
    "DeepLab without dropout": recipe("voc_deeplab", "dropout=0.5", "dropout=0.0"),
    "FCN's biases at the rate of weights": setting('"double_bias_rate": True', '"double_bias_rate": False'),
    "DeepLab's biases at the rate of weights": recipe(
        "voc_deeplab", "double_bias_rate=True", "double_bias_rate=False"
    ),
    "a bias rate that is not doubled": Mutant(
        "training/optimizer.py", "rate = 2 * rate if", "rate = rate if", ("tests/training/test_optimizer.py",)
    ),
    "FCN with frozen stages": recipe("voc_fcn", "freeze_stages=0", "freeze_stages=2"),
    "DeepLab with frozen stages": recipe("voc_deeplab", "freeze_stages=0", "freeze_stages=2"),
    "MSc from the wrong net": recipe(
        "voc_deeplab", "runs/voc_deeplab_{variant.removeprefix('msc_')}", "runs/voc_deeplab_base"
    ),
    "a branch on the wrong layer": net(
        "deeplab",
        '{"image": pixels, **features}',
        '{"image": pixels, **features, "pool4": features["pool5"]}',
        f"{DEEPLAB}::test_each_branch_sees_the_image_or_the_pooling_of_its_name",
    ),
    "a branch on a pooling of another stride": net(
        "deeplab", '"pool2": 2', '"pool2": 4', f"{DEEPLAB}::test_branches_lie_on_the_cells_of_the_main_path"
    ),
    "the old weights of MSc learn too": net(
        "deeplab",
        "self.requires_grad_(False)",
        "self.requires_grad_(True)",
        f"{DEEPLAB}::test_only_the_new_weights_of_a_multi_scale_net_learn",
    ),
    "NYUD on 381 pictures": recipe("nyud", 'train_split="trainval"', 'train_split="train"'),
    "NYUD's trainval is its train": Mutant(
        "data/sources/nyud.py",
        '"trainval": ["train", "val"]',
        '"trainval": ["train"]',
        (SOURCES,),
    ),
    "FCN's rates x 100": setting(
        '_online(1e-10),\n    "fcn-online-16s"', '_online(1e-8),\n    "fcn-online-16s"'
    ),
    "a later stage at the rate of the one before": recipe(
        "voc_fcn", "before.learning_rate / 100", "before.learning_rate"
    ),
    "DeepLab's rate x 100": recipe("voc_deeplab", "learning_rate=1e-3", "learning_rate=1e-1"),
    "fc8 at the rate of the others": recipe("voc_deeplab", 'head_layers=("fc8",)', "head_layers=()"),
    "SIFT Flow with one head": recipe("siftflow", 'heads=("semantic", "geometric")', 'heads=("semantic",)'),
    "online learning with little momentum": setting('"momentum": 0.99', '"momentum": 0.9'),
    "online learning with the mean loss": setting('"loss": "sum"', '"loss": "mean"'),
    "DeepLab's poly schedule": recipe("voc_deeplab", 'schedule="step"', 'schedule="poly"'),
    "LargeFOV with another atrous rate": net(
        "deeplab",
        "kernel=3, rate=12",
        "kernel=3, rate=6",
        f"{DEEPLAB}::test_fields_of_view_are_those_of_table_1",
    ),
    "skips at once that are not scaled": net(
        "fcn",
        "SKIP_SCALES = (0.01, 0.0001)",
        "SKIP_SCALES = (1.0, 1.0)",
        f"{FCN}::test_nets_at_once_scale_their_skips",
    ),
}
CONTROL = Mutant(
    "recipes/voc_fcn.py",
    '"""FCN on PASCAL VOC',
    '"""FCN, on PASCAL VOC',
    tuple(dict.fromkeys(test for mutant in MUTANTS.values() for test in mutant.tests)),
)
"""A change of no value, which all tests of the mutants must pass."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    return outcomes({**MUTANTS, "control": CONTROL}, tmp_path_factory.mktemp("mutants"))


@pytest.mark.slow
@pytest.mark.parametrize("name", list(MUTANTS))
def test_a_changed_value_turns_a_test_red(name: str, found: dict[str, Outcome]) -> None:
    outcome = found[name]
    assert outcome.code == 1, outcome.printed  # failed tests; 2 to 5: they could not run
    assert " failed" in outcome.printed and " error" not in outcome.printed.splitlines()[-1]


@pytest.mark.slow
def test_the_same_tests_pass_if_no_value_changes(found: dict[str, Outcome]) -> None:
    assert found["control"].code == 0, found["control"].printed


def test_a_text_that_is_gone_or_not_the_only_one_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 times, expected once"):
        mutated("dropout=0.4", MUTANTS["DeepLab without dropout"])
    with pytest.raises(ValueError, match="2 times, expected once"):
        mutated("dropout=0.5 dropout=0.5", MUTANTS["DeepLab without dropout"])
