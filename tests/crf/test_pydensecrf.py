"""The drop-in: pydensecrf2's numbers, kept and live, and refusals where it crashes or returns nonsense."""

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from crf_cases import blurred_unary
from PIL import Image

import pixelwise.crf.pydensecrf.densecrf as ours
from pixelwise import _core
from pixelwise.crf import Bilateral, Gaussian, mean_field
from pixelwise.crf.potentials import Kernel, Normalization
from pixelwise.crf.pydensecrf import utils

GOLDEN = Path(__file__).parents[1] / "golden" / "crf.npz"
EXAMPLES = Path(__file__).parents[2] / "examples"
TOLERANCE = 1e-4
NAMES: list[Normalization] = ["none", "before", "after", "symmetric"]

Floats = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def golden() -> dict[str, npt.NDArray[np.float32]]:
    with np.load(GOLDEN) as stored:
        return {
            name: stored[name] / np.float32(65535) if stored[name].dtype == np.uint16 else stored[name]
            for name in stored.files
        }


def test_kept_values_in_all_normalisations(golden: dict[str, Floats]) -> None:
    unary, image = golden["unary"].astype(np.float32), golden["image"].astype(np.uint8)
    for number, normalization in enumerate(NAMES):
        kernels: list[Kernel] = [Gaussian(3, 3, normalization), Bilateral(image, 20, 13, 4, normalization)]
        q = mean_field(unary, kernels).reshape(5, -1)
        # Without normalisation messages go into hundreds, of which float32 keeps fewer digits.
        tolerance = 1e-3 if normalization == "none" else TOLERANCE
        assert np.abs(q - golden[f"normalization_{number}"]).max() < tolerance


@pytest.mark.parametrize("name", ["matrix", "vector", "negative"])
def test_kept_values_of_compatibilities_and_widths_per_axis(golden: dict[str, Floats], name: str) -> None:
    crf = ours.DenseCRF2D(40, 32, 5)
    crf.setUnaryEnergy(golden["unary"].astype(np.float32).reshape(5, -1))
    compat = golden.get(name, np.float32(-1))
    crf.addPairwiseBilateral((20, 10), (13, 8, 20), golden["image"].astype(np.uint8), compat)
    assert np.abs(crf.inference(5) - golden[f"beliefs_{name}"]).max() < TOLERANCE


def photo(name: str) -> npt.NDArray[np.uint8]:
    with Image.open(EXAMPLES / f"{name}.png") as file:
        return np.array(file.convert("RGB").resize((500, 375), Image.Resampling.BILINEAR))


@pytest.mark.parametrize(
    ("name", "classes", "widths", "normalization"),
    [
        ("chelsea", 2, (80, 13, 10), 3),
        # Without normalisation messages go into thousands, where float32 itself is no better than 1e-3.
        ("astronaut", 2, (60, 5, 0.1), 0),
        ("chelsea", 5, (60, 5, 5), 1),
        ("astronaut", 5, (80, 13, 10), 2),
        ("chelsea", 21, (80, 13, 10), 3),
        ("astronaut", 21, (60, 5, 5), 3),
    ],
)
def test_live_values(name: str, classes: int, widths: tuple[float, float, float], normalization: int) -> None:
    theirs = pytest.importorskip("pydensecrf.densecrf")
    image, unary = photo(name), blurred_unary(classes, 375, 500)
    results = []
    for library in (theirs, ours):
        crf = library.DenseCRF2D(500, 375, classes)
        crf.setUnaryEnergy(unary.reshape(classes, -1))
        kind = library.NormalizationType(normalization)
        crf.addPairwiseGaussian(sxy=3, compat=widths[2] / 3, kernel=library.DIAG_KERNEL, normalization=kind)
        crf.addPairwiseBilateral(
            sxy=widths[0], srgb=widths[1], rgbim=image, compat=widths[2], normalization=kind
        )
        results.append(np.array(crf.inference(10)))
    assert np.abs(results[0] - results[1]).max() < TOLERANCE
    assert (results[0].argmax(axis=0) == results[1].argmax(axis=0)).mean() > 0.9999


def test_live_values_of_steps_and_divergence() -> None:
    theirs = pytest.importorskip("pydensecrf.densecrf")
    features = np.random.default_rng(0).normal(0, 2, (4, 400)).astype(np.float32)
    unary = np.random.default_rng(1).normal(0, 1, (3, 400)).astype(np.float32)
    steps, divergences = [], []
    for library in (theirs, ours):
        crf = library.DenseCRF(400, 3)
        crf.setUnaryEnergy(unary)
        crf.addPairwiseEnergy(features, compat=2.0)
        q, first, second = crf.startInference()
        for _ in range(3):
            divergences.append(crf.klDivergence(q))
            crf.stepInference(q, first, second)
        steps.append(np.array(q))
    assert np.abs(steps[0] - steps[1]).max() < TOLERANCE
    assert divergences[:3] == pytest.approx(divergences[3:], rel=1e-4)


def test_live_values_of_utilities() -> None:
    theirs = pytest.importorskip("pydensecrf.utils")
    generator = np.random.default_rng(0)
    p = generator.dirichlet(np.ones(4), (6, 7)).transpose(2, 0, 1).astype(np.float32)
    labels = generator.integers(0, 4, (6, 7))
    image = generator.integers(0, 256, (6, 7, 3)).astype(np.uint8)
    calls: list[Callable[[Any], Floats]] = [
        lambda library: library.unary_from_softmax(p),
        lambda library: library.unary_from_softmax(p, scale=0.7, clip=None),
        lambda library: library.unary_from_labels(labels, 4, 0.6, zero_unsure=False),
        lambda library: library.unary_from_labels(labels, 3, 0.6),
        lambda library: library.create_pairwise_gaussian((3, 2), (6, 7)),
        lambda library: library.create_pairwise_bilateral((3, 2), (13, 5, 7), image, chdim=2),
        lambda library: library.create_pairwise_bilateral((3, 2), 0.5, image[..., 0]),
    ]
    for call in calls:
        assert call(utils) == pytest.approx(call(theirs), rel=1e-6)


def test_the_usual_program_runs_unchanged() -> None:
    import pixelwise.crf.pydensecrf.densecrf as dcrf
    from pixelwise.crf.pydensecrf.utils import (
        create_pairwise_bilateral,
        create_pairwise_gaussian,
        unary_from_softmax,
    )

    classes, height, width = 3, 20, 30
    img = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    p = np.random.default_rng(1).dirichlet(np.ones(classes), (height, width)).transpose(2, 0, 1)
    d = dcrf.DenseCRF2D(width, height, classes)
    d.setUnaryEnergy(np.ascontiguousarray(unary_from_softmax(p)))
    d.addPairwiseGaussian(sxy=3, compat=3, kernel=dcrf.DIAG_KERNEL, normalization=dcrf.NORMALIZE_SYMMETRIC)
    d.addPairwiseBilateral(sxy=80, srgb=13, rgbim=img, compat=10)
    q = np.array(d.inference(5)).reshape(classes, height, width)

    e = dcrf.DenseCRF(width * height, classes)
    e.setUnaryEnergy(unary_from_softmax(p))
    e.addPairwiseEnergy(create_pairwise_gaussian((3, 3), (height, width)), compat=3)
    e.addPairwiseEnergy(create_pairwise_bilateral((80, 80), (13, 13, 13), img, chdim=2), compat=10)
    assert (np.array(e.inference(5)).reshape(q.shape).argmax(0) == q.argmax(0)).mean() > 0.95


def test_threads_may_share_an_object_as_they_may_the_peer_s(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        """The core's object, which gives others time to come between its calls."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            self._field = core(*arguments, **options)

        def __getattr__(self, name: str) -> Any:
            time.sleep(0.002)
            return getattr(self._field, name)

    core = _core.MeanField
    monkeypatch.setattr(_core, "MeanField", Slow)
    shared = ours.DenseCRF2D(12, 10, 3)
    shared.setUnaryEnergy(blurred_unary(3, 10, 12))
    shared.addPairwiseGaussian(3, 3)
    beliefs, *unused = shared.startInference()
    alone = [shared.inference(5), np.array(shared.klDivergence(beliefs)), beliefs.copy()]
    shared.stepInference(alone[2], *unused)

    def work(number: int) -> bool:
        stepped = beliefs.copy()
        shared.stepInference(stepped, *unused)
        results = [shared.inference(5), np.array(shared.klDivergence(beliefs)), stepped]
        return all(np.allclose(one, other, atol=1e-5) for one, other in zip(results, alone, strict=True))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(8)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "program",
    [
        "class Mine(dcrf.DenseCRF2D):\n def __init__(self): super().__init__(5, 4, 2)\nrun(Mine())",
        "class Mine(dcrf.DenseCRF):\n def __init__(self): pass\nrefused(lambda: run(Mine()), AttributeError)",
        "refused(lambda: crf.addPairwiseGaussian(sxy=0, compat=3))",
        "refused(lambda: (crf.addPairwiseBilateral(80, 1e-6, image, 10), run(crf)))",
        "refused(lambda: dcrf.DenseCRF2D(10**6, 10**6, 21))",
        "refused(lambda: dcrf.DenseCRF2D(2**40, 2**40, 2))",
        "refused(lambda: crf.addPairwiseGaussian(3, np.ones(3, np.float32)))",
        "refused(lambda: crf.addPairwiseGaussian(3, np.ones((2, 3), np.float32)))",
        "refused(lambda: crf.addPairwiseBilateral(80, 13, image.transpose(1, 0, 2), 10))",
        "refused(lambda: crf.setUnaryEnergy(np.zeros((2, 5, 4))))",
        "unary[0, 3] = np.nan\nrefused(lambda: crf.setUnaryEnergy(unary))",
        "shared = dcrf.ConstUnary(unary)\nresults = []\n"
        "for _ in range(2):\n other = dcrf.DenseCRF2D(5, 4, 2)\n other.setUnary(shared)\n"
        " results.append(other.inference(1))\nassert np.array_equal(*results) and results[0].std() > 0",
        "refused(lambda: dcrf.DenseCRF2D(-1, 5, 2))",
        "refused(lambda: dcrf.DenseCRF2D(0, 5, 2))",
        "unary.flags.writeable = False\nimage.flags.writeable = False\nrun(crf)\n"
        "crf.addPairwiseBilateral(80, 13, image, 10)\nrun(crf)",
        "unary = np.asfortranarray(unary)\nrun(crf)",
        "unary = unary.astype(np.float64)\nrun(crf)",
        "assert np.allclose(dcrf.DenseCRF2D(5, 4, 2).inference(3), 0.5)",
        "refused(lambda: utils.unary_from_labels(np.array([0, 1, 255]), 2, 0.7))",
        "refused(lambda: utils.unary_from_labels(np.array([0, 1, 2]), 2, 0.7, zero_unsure=False))",
        "refused(lambda: utils.create_pairwise_bilateral((3, 3), 13, image, chdim=-1))",
        "refused(lambda: utils.create_pairwise_bilateral((3, 3), (13,), image, chdim=2))",
        "crf.addPairwiseBilateral(80, 13, np.zeros((4, 5, 7), np.float64), 10)\nrun(crf)",
        "crf.addPairwiseEnergy(np.zeros((16, 20), np.float32), 3)\nrun(crf)",
        "refused(lambda: crf.addPairwiseEnergy(np.zeros((17, 20), np.float32), 3))",
        "refused(lambda: crf.addPairwiseEnergy(np.full((2, 20), 1e38, np.float32), 3) or run(crf))",
        "refused(lambda: crf.inference(-1))",
        "refused(lambda: crf.addPairwiseGaussian(3, 3, 7))",
    ],
)
def test_what_crashes_the_peer_runs_or_is_refused(program: str) -> None:
    prelude = """
import numpy as np
import pixelwise.crf.pydensecrf.densecrf as dcrf
import pixelwise.crf.pydensecrf.utils as utils
image = np.random.default_rng(0).integers(0, 256, (4, 5, 3)).astype(np.uint8)
unary = np.random.default_rng(0).normal(size=(2, 20)).astype(np.float32)
crf = dcrf.DenseCRF2D(5, 4, 2)
def run(crf):
    crf.setUnaryEnergy(unary)
    q = crf.inference(2)
    assert q.shape == (2, 20) and np.allclose(q.sum(axis=0), 1) and q.std() > 0
def refused(call, kind=ValueError):
    try:
        call()
    except kind as error:
        print(error)
    else:
        raise SystemExit("not refused")
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", prelude + program], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_code_that_imports_the_peer_runs_with_the_drop_in_under_its_name() -> None:
    program = """
import sys
import pixelwise.crf.pydensecrf
sys.modules["pydensecrf"] = pixelwise.crf.pydensecrf
import pydensecrf.densecrf as dcrf
from pydensecrf import densecrf, utils
from pydensecrf.utils import unary_from_labels
assert densecrf is dcrf and "pixelwise" in dcrf.__file__
crf = dcrf.DenseCRF2D(5, 4, 2)
crf.setUnaryEnergy(unary_from_labels([0, 1, 2, 2] * 5, 2, 0.7))
crf.addPairwiseGaussian(3, 3, dcrf.DIAG_KERNEL, dcrf.NORMALIZE_SYMMETRIC)
print(crf.inference(2).shape)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "(2, 20)\n", done.stderr
