"""The tiny model as a file, as a predictor, and as the bundled default."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_model import tiny_info, tiny_model

from pixelwise.inference.engines.onnx import OnnxEngine
from pixelwise.inference.predictor import Predictor

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # As in a shell's background jobs. Programs that tests start inherit it, and Ctrl-C would not reach them.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    path.write_bytes(tiny_model())
    return path


@pytest.fixture
def predictor(model_path: Path) -> Predictor:
    return Predictor(OnnxEngine(str(model_path), 1), tiny_info())


@pytest.fixture
def bundled(model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """A folder of bundled models that holds the tiny model as "default"; call to get its path."""
    folder = tmp_path / "bundled"
    folder.mkdir()
    (folder / "default.onnx").write_bytes(model_path.read_bytes())
    monkeypatch.setattr("pixelwise.inference.model_files.model_file.bundled_folder", lambda: folder)
    return lambda: folder
