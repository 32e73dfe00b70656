"""The device that a model runs on, with stand-ins for the packages' GPUs; with a GPU, the real ones."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tiny_model import CLASSES

from pixelwise.core.errors import ModelError
from pixelwise.core.types import RGBImage, Scores
from pixelwise.crf import DENSECRF
from pixelwise.inference.crf_refiner import CRFRefiner
from pixelwise.inference.engines import devices
from pixelwise.inference.engines.batching import MOST_TOGETHER, Batching, together
from pixelwise.inference.engines.devices import Device
from pixelwise.inference.engines.registry import open_model
from pixelwise.inference.loading import load
from pixelwise.workflows import load as load_any

CPU, CUDA, COREML = "CPUExecutionProvider", "CUDAExecutionProvider", "CoreMLExecutionProvider"


@pytest.mark.parametrize(
    "text", ["gpu", "cuda:", "cuda:-1", "cuda:x", "cpu:1", "mps:0", "auto:1", "", "CUDA"]
)
def test_an_unknown_device_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(ValueError, match="expected a device: auto, cpu, cuda, cuda:1, mps or xpu, got"):
        Device.of(text)


def test_onnx_runtime_gets_the_provider_of_the_device() -> None:
    providers = devices.onnx_providers
    assert providers(Device(), [CPU]) == [CPU]
    assert providers(Device(), [CUDA, CPU]) == [(CUDA, {"device_id": 0}), CPU]
    assert providers(Device("cpu"), [CUDA, CPU]) == [CPU]
    assert providers(Device("cuda", 1), [CUDA, CPU]) == [(CUDA, {"device_id": 1}), CPU]
    assert providers(Device("mps"), [COREML, CPU]) == [COREML, CPU]
    with pytest.raises(
        ModelError, match=f"cuda:1 was asked for, but this ONNX Runtime has no {CUDA}, only {CPU}"
    ):
        providers(Device("cuda", 1), [CPU])
    with pytest.raises(ModelError, match="ONNX Runtime does not run on xpu"):
        providers(Device("xpu"), [CUDA, CPU])


def test_a_gpu_that_cannot_be_used_is_an_error_only_if_it_was_asked_for() -> None:
    wanted = [(CUDA, {"device_id": 0}), CPU]
    assert devices.expect_provider(Device(), wanted, [CPU]) == "cpu"
    assert devices.expect_provider(Device("cuda"), wanted, [CUDA, CPU]) == "cuda:0"
    assert devices.expect_provider(Device("cpu"), [CPU], [CPU]) == "cpu"
    with pytest.raises(ModelError, match="cuda was asked for, but ONNX Runtime cannot use it"):
        devices.expect_provider(Device("cuda"), wanted, [CPU])


def test_openvino_runs_on_the_processor_or_intels_gpu() -> None:
    assert devices.openvino_device(Device(), ["CPU", "GPU"]) == "CPU"
    assert devices.openvino_device(Device("xpu"), ["CPU", "GPU"]) == "GPU"
    assert devices.openvino_device(Device("xpu", 1), ["CPU", "GPU.0", "GPU.1"]) == "GPU.1"
    with pytest.raises(ModelError, match="OpenVINO sees only CPU"):
        devices.openvino_device(Device("xpu"), ["CPU"])
    with pytest.raises(ModelError, match="OpenVINO does not run on cuda"):
        devices.openvino_device(Device("cuda"), ["CPU"])


def _torch(cuda: int, mps: bool = False) -> Any:
    return SimpleNamespace(
        __version__="9",
        cuda=SimpleNamespace(is_available=lambda: cuda > 0, device_count=lambda: cuda),
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps)),
    )


def test_torch_takes_a_gpu_if_there_is_one() -> None:
    assert devices.torch_device(Device(), _torch(0)) == "cpu"
    assert devices.torch_device(Device(), _torch(2)) == "cuda:0"
    assert devices.torch_device(Device("cpu"), _torch(2)) == "cpu"
    assert devices.torch_device(Device("cuda", 1), _torch(2)) == "cuda:1"
    assert devices.torch_device(Device(), _torch(0, mps=True)) == "cpu"
    assert devices.torch_device(Device("mps"), _torch(0, mps=True)) == "mps"
    with pytest.raises(ModelError, match="cuda:2 was asked for, but torch 9 sees only cpu, cuda:0, cuda:1"):
        devices.torch_device(Device("cuda", 2), _torch(2))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_asking_for_a_missing_gpu_fails_before_anything_is_read(model_path: Path) -> None:
    with pytest.raises(ModelError, match="cuda was asked for") as caught:
        load(model_path, device="cuda")
    assert "onnxruntime-gpu" in str(caught.value.hint)
    with pytest.raises(ModelError, match="OpenVINO does not run on cuda"):
        load(model_path, engine="openvino", device="cuda")
    with pytest.raises(ModelError, match=r"torch .* sees only cpu"):
        load_any(torch.nn.Conv2d(3, 4, 1), classes=CLASSES, device="cuda")
    with pytest.raises(ValueError, match="expected a device"):
        load(model_path, device="gpu")


def test_the_engine_for_a_device_is_one_that_runs_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices.auto_engine(Device("cuda"), "float32") == "onnxruntime"
    assert devices.auto_engine(Device("mps"), "float32") == "onnxruntime"
    assert devices.auto_engine(Device("xpu"), "float32") == "openvino"
    assert devices.auto_engine(Device("cpu"), "float32") == "openvino"
    monkeypatch.setattr(devices, "_has_cuda_files", lambda: True)
    assert devices.auto_engine(Device(), "float32") == "onnxruntime"
    assert devices.auto_engine(Device("cpu"), "float32") == "openvino"


class Sums:
    """Scores are the mean of the picture; a call waits until `go`."""

    threads, device = 1, "cuda:0"

    def __init__(self) -> None:
        self.go, self.entered = threading.Event(), threading.Event()
        self.sizes: list[int] = []

    def scores(self, image: RGBImage) -> Scores:
        return self.batch_scores([image])[0]

    def batch_scores(self, images: Sequence[RGBImage]) -> list[Scores]:
        self.entered.set()
        self.go.wait(20)
        self.sizes.append(len(images))
        if len(images) > 1 and any(image[0, 0, 0] == 255 for image in images):
            raise RuntimeError("out of memory")
        if images[0][0, 0, 0] == 255:
            raise ModelError("this picture fails")
        return [np.full((2, *image.shape[:2]), image.mean(), np.float32) for image in images]


def test_pictures_of_one_size_are_scored_together_and_each_gets_its_own() -> None:
    engine = Sums()
    batching = Batching(engine)
    pictures = [np.full((4, 4 + number % 2, 3), number, np.uint8) for number in range(25)]
    with ThreadPoolExecutor(len(pictures)) as pool:
        first = pool.submit(batching.scores, pictures[0])
        assert engine.entered.wait(20)
        rest = [pool.submit(batching.scores, picture) for picture in pictures[1:]]
        while len(batching._waiting) < len(rest):
            threading.Event().wait(0.001)
        engine.go.set()
        found = [future.result() for future in [first, *rest]]
    for number, scores in enumerate(found):
        assert scores.shape == (2, 4, 4 + number % 2) and (scores == number).all()
    assert sum(engine.sizes) == 25
    assert max(engine.sizes) == MOST_TOGETHER and len(engine.sizes) <= 6
    assert together(batching) == MOST_TOGETHER and together(engine) == 1


def test_a_batch_that_fails_is_scored_one_by_one() -> None:
    engine = Sums()
    engine.go.set()
    batching = Batching(engine)
    pictures = [np.full((4, 4, 3), value, np.uint8) for value in (1, 255, 3)]
    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(batching.scores, picture) for picture in pictures]
    assert [future.exception() is None for future in futures] == [True, False, True]
    assert isinstance(futures[1].exception(), ModelError)


def waiting_behind_one(batching: Batching, engine: Sums, pool: ThreadPoolExecutor) -> list[Future[Any]]:
    """Three calls that become a batch as soon as the engine, which scores another picture, is let go."""
    pool.submit(batching.scores, np.zeros((9, 9, 3), np.uint8))
    assert engine.entered.wait(20)
    futures = [pool.submit(batching.scores, np.full((4, 4, 3), value, np.uint8)) for value in (1, 2, 3)]
    while len(batching._waiting) < 3:
        threading.Event().wait(0.001)
    return futures


def test_a_net_that_gives_the_scores_of_the_first_picture_alone_is_asked_for_each() -> None:
    class OfTheFirst(Sums):
        def batch_scores(self, images: Sequence[RGBImage]) -> list[Scores]:
            return super().batch_scores(images)[:1]

    engine = OfTheFirst()
    with ThreadPoolExecutor(4) as pool:
        futures = waiting_behind_one(Batching(engine), engine, pool)
        engine.go.set()
        assert [future.result(20).max() for future in futures] == [1, 2, 3]


def test_calls_do_not_wait_for_a_thread_that_was_interrupted() -> None:
    class Interrupted(Sums):
        def batch_scores(self, images: Sequence[RGBImage]) -> list[Scores]:
            scores = super().batch_scores(images)
            if len(images) > 1:
                raise KeyboardInterrupt
            return scores

    engine = Interrupted()
    with ThreadPoolExecutor(4) as pool:
        futures = waiting_behind_one(Batching(engine), engine, pool)
        engine.go.set()
        faults = [type(future.exception(20)) for future in futures]
    assert sorted(faults, key=str) == [KeyboardInterrupt, RuntimeError, RuntimeError]


def test_onnx_runtime_scores_a_batch_as_it_scores_each(model_path: Path) -> None:
    engine: Any = open_model(model_path, 1, "onnxruntime", "float32", "cpu")[0]
    pictures = list(np.random.default_rng(0).integers(0, 256, (3, 9, 7, 3), np.uint8))
    assert engine.takes_batches and engine.device == "cpu"
    for picture, scores in zip(pictures, engine.batch_scores(pictures), strict=True):
        assert np.array_equal(scores, engine.scores(picture))


def test_the_crf_in_torch_gives_what_the_compiled_one_gives() -> None:
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (40, 50, 3), np.uint8)
    beliefs = random.dirichlet(np.ones(3), (40, 50)).astype(np.float32).transpose(2, 0, 1).copy()
    compiled = CRFRefiner(DENSECRF, 1)(picture, beliefs)
    in_torch = CRFRefiner(DENSECRF, 1)._on_device(picture, beliefs)
    assert np.abs(compiled - in_torch).max() < 1e-4


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_labels_of_the_processor() -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 4, 1))
    pictures = list(np.random.default_rng(0).integers(0, 256, (12, 40, 50, 3), np.uint8))
    on_cpu = load_any(net, classes=CLASSES, device="cpu", crf=DENSECRF)
    expected = [result.labels for result in on_cpu.batch(pictures)]
    on_gpu = load_any(net, classes=CLASSES, device="cuda", crf=DENSECRF)
    for labels, result in zip(expected, on_gpu.batch(pictures), strict=True):
        assert (labels == result.labels).mean() > 0.99
