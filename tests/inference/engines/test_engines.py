"""Which engine runs what, and that all give the same scores."""

import copy
import importlib.util
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from tiny_model import tiny_model

from pixelwise.core.errors import MissingExtraError, ModelError
from pixelwise.inference.engines.onnx import OnnxEngine
from pixelwise.inference.engines.openvino import OpenVinoEngine, openvino_core
from pixelwise.inference.engines.upsampling_tail import without_upsampling
from pixelwise.inference.loading import load
from pixelwise.inference.model_files.model_file import read_model

SIZES = [(1, 1), (3, 50), (40, 31)]


def image(size: tuple[int, int], seed: int = 0) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


@pytest.fixture
def openvino() -> ModuleType:
    module: ModuleType = pytest.importorskip("openvino")
    return module


@pytest.mark.parametrize("threads", [1, 2])
def test_openvino_scores_as_onnx_runtime_does(openvino: ModuleType, model_path: Path, threads: int) -> None:
    one, other = OnnxEngine(str(model_path), threads), OpenVinoEngine(str(model_path), threads)
    assert other.threads == threads
    assert other.metadata == one.metadata
    for size in SIZES:
        assert np.allclose(other.scores(image(size)), one.scores(image(size)), atol=1e-5)


@pytest.mark.parametrize("name", ["default", "street"])
def test_scores_are_those_of_the_whole_net_although_its_upsampling_is_cut_off(
    openvino: ModuleType, name: str
) -> None:
    content = read_model(name)[0]
    model = openvino_core().read_model(content)
    assert without_upsampling(model)[1] == 4
    whole = openvino_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    engine = OpenVinoEngine(content, 1)
    for size in [(1, 1), (33, 65), (64, 97)]:
        picture = image(size)
        expected = whole({0: picture[np.newaxis]})[0][0]
        np.testing.assert_allclose(engine.scores(picture), expected, rtol=0, atol=1e-4)


def test_a_net_with_another_end_stays_whole(openvino: ModuleType) -> None:
    model = openvino_core().read_model(tiny_model())
    assert without_upsampling(model) == (model, 1)


def test_openvino_averages_maps_of_one_row_or_column_as_onnx_runtime_does(openvino: ModuleType) -> None:
    """Twice by 2x2, as the shortcuts of timm's resnet10t; alone OpenVINO refuses windows above the map."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string(tiny_model())
    model.graph.node[-1].output[0] = "fine"
    for source, target in (("fine", "half_size"), ("half_size", "scores")):
        pooling = {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}
        model.graph.node.append(onnx.helper.make_node("AveragePool", [source], [target], **pooling))
    content = model.SerializeToString()
    engines = OnnxEngine(content, 1), OpenVinoEngine(content, 1)
    rng = np.random.default_rng(0)
    for size in ((1, 1), (1, 9), (5, 1), (2, 3), (8, 11)):
        picture = rng.integers(0, 256, (*size, 3), np.uint8)
        expected, found = (engine.scores(picture) for engine in engines)
        assert expected.shape == (4, *(-(-side // 4) for side in size))
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_openvino_is_called_from_several_threads(openvino: ModuleType) -> None:
    engine = OpenVinoEngine(tiny_model(), 1)
    pictures = [image((20 + i, 30), i) for i in range(16)]
    expected = [engine.scores(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        for found, wanted in zip(pool.map(engine.scores, pictures), expected, strict=True):
            assert np.array_equal(found, wanted)


def test_the_first_calls_of_a_process_may_come_at_once(openvino: ModuleType, model_path: Path) -> None:
    """OpenVINO's first look at a tensor must not be that of two threads, which would wait for each other."""
    code = """
import sys, threading
from pixelwise.inference.engines.openvino import OpenVinoEngine
import numpy as np
engine, start = OpenVinoEngine(sys.argv[1], 1), threading.Barrier(8)
def first():
    start.wait()
    engine.scores(np.zeros((8, 8, 3), np.uint8))
threads = [threading.Thread(target=first, daemon=True) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("answered")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(model_path)], capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stdout) == (0, "answered\n"), done.stderr


def test_scores_stay_when_the_engine_goes_on(openvino: ModuleType) -> None:
    engine = OpenVinoEngine(tiny_model(), 1)
    first = engine.scores(image((5, 5)))
    kept = first.copy()
    engine.scores(image((5, 5), seed=1))
    assert np.array_equal(first, kept)


def test_a_signal_is_answered_after_two_engines_have_come_and_gone(
    openvino: ModuleType, model_path: Path
) -> None:
    """OpenVINO gives the process a stack for signals, which must not go with an engine."""
    code = """
import faulthandler, os, signal, sys
from pixelwise.inference.engines.openvino import OpenVinoEngine
import numpy as np
faulthandler.enable()
engines = [OpenVinoEngine(sys.argv[1], 1) for _ in range(2)]
for engine in engines:
    engine.scores(np.zeros((8, 8, 3), np.uint8))
while engines:
    del engine, engines[0]
    engine = None
signal.signal(signal.SIGUSR1, lambda *_: print("answered"))
os.kill(os.getpid(), signal.SIGUSR1)
"""
    done = subprocess.run([sys.executable, "-c", code, str(model_path)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "answered\n"), done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_is_told_to_load_the_model_itself(openvino: ModuleType, model_path: Path) -> None:
    """The threads that OpenVINO computes in are the first process's; the other one would wait for them."""
    code = """
import os, signal, sys
from pixelwise.core.errors import ModelError
from pixelwise.inference.engines import openvino
import numpy as np
openvino.processors = lambda: 2
engine, image = openvino.OpenVinoEngine(sys.argv[1], 1), np.zeros((8, 8, 3), np.uint8)
engine.scores(image)
child = os.fork()
if child == 0:
    signal.alarm(60)
    try:
        engine.scores(image)
    except ModelError as problem:
        os.write(1, problem.message.encode())
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0, "the forked process waited forever"
"""
    command = [sys.executable, "-W", "ignore", "-c", code, str(model_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "was loaded before this process was forked, " in done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_process_forked_from_one_that_used_torch_scores_with_one_thread_or_not_at_all() -> None:
    """The threads that torch computes in are the first process's; the other one would wait for them."""
    code = """
import os, signal
import numpy as np, torch
from pixelwise import load
from pixelwise.core.errors import ModelError
torch.set_num_threads(2)
net = torch.nn.Conv2d(3, 2, 3, padding=1)
predictor, image = load(net, classes=["a", "b"]), np.zeros((200, 200, 3), np.uint8)
predictor(image)
child = os.fork()
if child == 0:
    signal.alarm(60)
    for again in (lambda: predictor, lambda: load(net, classes=["a", "b"])):
        try:
            again()(image)
        except ModelError as problem:
            os.write(1, problem.message.encode())
    torch.set_num_threads(1)
    os.write(1, str(predictor(image).size).encode())
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0, "the forked process waited forever"
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    refusal = "the net cannot score in a process that was forked from one that used torch's threads"
    assert done.stdout == 2 * refusal + "(200, 200)"


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_engines_stay_in_their_process_and_are_shared_by_copies(engine: str, model_path: Path) -> None:
    pytest.importorskip(engine)
    predictor = load(model_path, 1, engine=engine)
    assert copy.deepcopy(predictor).engine is predictor.engine
    with pytest.raises(TypeError, match=r"cannot be pickled: load it in each process.*predictor\.batch"):
        pickle.dumps(predictor)


def test_openvino_refuses_a_file_that_is_not_a_model(openvino: ModuleType) -> None:
    whole = tiny_model()
    for content in (b"", b"hello " * 100, whole[: len(whole) // 2]):
        with pytest.raises(ModelError, match=r"m\.onnx is not a complete ONNX model: (?!Exception from)"):
            OpenVinoEngine(content, 1, "m.onnx")
    with pytest.raises(ModelError, match="without the metadata property"):
        _load_bytes(tiny_model({}))
    onnx = pytest.importorskip("onnx")
    foreign = onnx.load_from_string(whole)
    foreign.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    with pytest.raises(ModelError, match=r'expected an input "image" uint8 \(N, H, W, 3\)'):
        OpenVinoEngine(foreign.SerializeToString(), 1)


def _load_bytes(content: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        given = "pixelwise.inference.engines.registry.read_model"
        patch.setattr(given, lambda name, int8: (content, "m.onnx"))
        load("m.onnx", engine="openvino")


def test_bfloat16_needs_a_processor_that_has_it(openvino: ModuleType) -> None:
    has_it = "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if has_it:
        near = OpenVinoEngine(tiny_model(), 1, precision="bfloat16").scores(image((9, 9)))
        assert np.allclose(near, OnnxEngine(tiny_model(), 1).scores(image((9, 9))), atol=0.1)
    else:
        with pytest.raises(ModelError, match="no arithmetic in bfloat16"):
            OpenVinoEngine(tiny_model(), 1, precision="bfloat16")


def test_openvino_is_taken_where_it_is_installed(model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = importlib.util.find_spec("openvino") is not None
    chosen = load(model_path, 1).engine
    assert isinstance(chosen, OpenVinoEngine if installed else OnnxEngine)
    assert isinstance(load(model_path, 1, engine="onnxruntime").engine, OnnxEngine)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert isinstance(load(model_path, 1).engine, OnnxEngine)


def test_a_missing_engine_says_how_to_get_it(model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    with pytest.raises(MissingExtraError, match=r'pip install "pixelwise\[openvino\]"'):
        load(model_path, engine="openvino")


def test_a_count_of_threads_beyond_the_processors_changes_nothing(
    model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = [OnnxEngine] if importlib.util.find_spec("openvino") is None else [OnnxEngine, OpenVinoEngine]
    monkeypatch.setattr("pixelwise.core.threads.processors", lambda: 2)
    for engine in engines:
        few, many = engine(model_path, 2), engine(model_path, 1000)
        assert (few.threads, many.threads, engine(model_path).threads) == (2, 2, 2)
        assert np.array_equal(few.scores(image((40, 31))), many.scores(image((40, 31))))
    with pytest.raises(ValueError, match=r"threads must be a whole number from 1 to 1024.*got 10000"):
        load(model_path, threads=10_000)


def test_what_is_not_a_name_or_path_or_views_is_refused_in_words(model_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected the name of a bundled model, the path.*, got module"):
        load(os)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"expected views as Views\(.*\), got 'x'"):
        load(model_path, views="x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"classes, mean: a model file or run folder has these itself"):
        load(model_path, classes=["a"], mean=(1, 2, 3))


def test_choices_that_cannot_be_are_refused(model_path: Path) -> None:
    with pytest.raises(ValueError, match="expected an engine among auto, onnxruntime, openvino, torch"):
        load(model_path, engine="tensorrt")
    with pytest.raises(ValueError, match="precision is one of auto, float32, bfloat16, float16, int8"):
        load(model_path, precision="int4")
    with pytest.raises(ModelError, match="a model file, which torch does not run"):
        load(model_path, engine="torch")
    with pytest.raises(ModelError, match="ONNX Runtime does not compute in bfloat16"):
        load(model_path, engine="onnxruntime", precision="bfloat16")
