"""The command under 500 clients at once."""

import io
import signal
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from http_load import load
from PIL import Image
from service_process import resident_megabytes, serving
from typer.testing import CliRunner

from pixelwise.cli import main
from pixelwise.core.pictures.writing import save_picture
from pixelwise.inference.predictor import Predictor
from pixelwise.workflows.serving import named

pytestmark = pytest.mark.slow


def pictures(predictor: Predictor, count: int) -> list[tuple[bytes, bytes]]:
    """PNG files, all different, and the files of their masks."""
    random = np.random.default_rng(0)
    made = []
    for number in range(count):
        pixels = random.integers(0, 256, (3 + number % 5, 4, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        file, mask = io.BytesIO(), io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        save_picture(mask, Path("mask.png"), predictor(pixels).mask())
        made.append((file.getvalue(), mask.getvalue()))
    return made


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc")
def test_500_clients_get_right_answers_or_are_told_to_come_back(
    model_path: Path, predictor: Predictor
) -> None:
    requests = pictures(predictor, 50)
    assert len({mask for _, mask in requests}) == 50
    with serving("--model", str(model_path), "--engine", "onnxruntime", "--places", "200") as (
        address,
        process,
    ):
        load(address, requests, clients=50, each=2)  # threads, buffers and caches
        before = resident_megabytes(process)
        found = load(address, requests, clients=500, each=1)
        assert found.wrong == []
        assert found.statuses[200] == len(found.seconds) == 500
        assert found.statuses.keys() <= {200, 429}
        first = resident_megabytes(process)
        load(address, requests, clients=250, each=1)
        assert resident_megabytes(process) - first < 20
        assert first - before < 100
        metrics = httpx.get(f"{address}/metrics").text
    assert 'pixelwise_pictures_total{model="tiny"} 850.0' in metrics
    assert "pixelwise_places_taken 0.0" in metrics


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 0)])
def test_the_command_takes_a_key_from_the_environment_and_stops_at_a_signal(
    model_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    monkeypatch.setenv("PIXELWISE_API_KEY", "opensesame")
    with serving("--model", str(model_path)) as (address, process):
        assert httpx.get(f"{address}/ready").json() == {"status": "ready"}
        assert httpx.get(f"{address}/v1/models").status_code == 401
        named = httpx.get(f"{address}/v1/models", headers={"Authorization": "Bearer opensesame"}).json()
        assert [model["name"] for model in named] == ["tiny"]
        process.send_signal(number)
        assert process.wait(60) == code
        assert process.stderr is not None
        assert process.stderr.read() == ""
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{address}/ready")


@pytest.mark.parametrize(
    ("arguments", "key", "message"),
    [
        (("--model", "a/net.onnx", "--model", "b/net.onnx"), None, "two models are called net"),
        (("--model", "nosuch"), None, "nosuch"),
        (("--host", "300.1.1.1"), None, "cannot listen on 300.1.1.1, port 0"),
        (("--places", "0"), None, "--places"),
        ((), "", "PIXELWISE_API_KEY: expected an API key, got an empty text"),
        ((), "secret\n", "PIXELWISE_API_KEY: expected an API key of ASCII letters, digits and signs"),
    ],
)
def test_the_command_refuses_what_it_cannot_do(
    model_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    key: str | None,
    message: str,
) -> None:
    if key is not None:
        monkeypatch.setenv("PIXELWISE_API_KEY", key)
    model = () if "--model" in arguments else ("--model", str(model_path))
    result = CliRunner().invoke(main.app, ["serve", "--port", "0", *model, *arguments])
    assert result.exit_code in (1, 2)
    assert message in " ".join(result.output.replace("│", " ").split())
    assert "unexpected" not in result.output


def test_without_the_extra_the_command_says_what_to_install(
    model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    for name in [name for name in sys.modules if name.startswith("pixelwise.serve")]:
        monkeypatch.delitem(sys.modules, name)
    result = CliRunner().invoke(main.app, ["serve", "--model", str(model_path)])
    assert result.exit_code == 1
    assert 'pip install "pixelwise[serve]"' in result.output


def test_versions_in_names_of_run_folders_stay(tmp_path: Path) -> None:
    runs = [tmp_path / "v1.5", tmp_path / "v1.6"]
    for run in runs:
        run.mkdir()
    assert list(named([*runs, "default", tmp_path / "net.2.onnx"])) == ["v1.5", "v1.6", "default", "net.2"]
