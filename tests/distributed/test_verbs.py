"""segment, eval and check with --ray print what they print without it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_pictures import contents, write_pictures
from typer.testing import CliRunner

from pixelwise.cli.main import app
from pixelwise.core.errors import ClusterError
from pixelwise.distributed.evaluating import evaluate

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A command line in a process of its own, in a folder with pictures, one of them damaged."""
    paths = write_pictures(tmp_path / "photos", 12)
    paths[5].write_bytes(b"damaged")

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "pixelwise", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    return run


@pytest.mark.usefixtures("ray_cluster")
def test_verbs_print_the_same_with_a_cluster_and_without(run: Run, tmp_path: Path, model_path: Path) -> None:
    ray = pytest.importorskip("ray")
    cluster = ("--ray", ray.get_runtime_context().gcs_address)
    segment = ("segment", "photos", "--model", str(model_path), "--save", "mask,geojson,csv", "--json")
    plain, found = run(*segment, "-o", "plain"), run(*segment, "-o", "ray", *cluster)
    assert (plain.returncode, found.returncode) == (1, 1), found.stderr
    untimed = [
        [json.loads(line) | {"seconds": 0, "outputs": 0} for line in done.stdout.splitlines()]
        for done in (plain, found)
    ]
    assert len(untimed[0]) == 12
    assert untimed[1] == untimed[0]
    assert "error: photos/00005.png: expected an image, got text" in found.stderr
    assert "11 segmented, 1 failed, named above" in found.stderr
    assert "Traceback" not in found.stderr
    assert "core_worker" not in found.stderr
    assert "RAY_BACKEND_LOG_LEVEL" not in found.stderr
    assert (tmp_path / "ray/regions.csv").read_bytes() == (tmp_path / "plain/regions.csv").read_bytes()
    masks = [
        {name for name in contents(tmp_path / place) if name.endswith("png")} for place in ("plain", "ray")
    ]
    assert masks[0] == masks[1]

    (tmp_path / "photos/00005.png").unlink()
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    (tmp_path / "classes.txt").write_text("background\nred\n")
    mask = Image.fromarray(np.arange(24 * 30, dtype=np.uint8).reshape(24, 30) % 2)
    for path in (tmp_path / "photos").iterdir():
        path.rename(tmp_path / "images" / path.name)
        mask.save(tmp_path / "labels" / path.name)
    for verb in (
        ("eval", str(model_path), "--data", "folder:.", "--split", "all", "--boundary", "--json"),
        ("check", "folder:.", "--json"),
    ):
        plain, found = run(*verb), run(*verb, *cluster)
        assert found.returncode == plain.returncode, found.stderr
        assert json.loads(found.stdout) == json.loads(plain.stdout)


KILLED = """
import sys
from pathlib import Path
from dying_workers import DieOnce
from pixelwise.distributed.cluster import answers, cluster, parts_of, stage

with cluster(sys.argv[1]):
    print(list(answers(stage(parts_of([1, 2]), DieOnce(Path(sys.argv[2])), 1, 1))))
"""


@pytest.mark.usefixtures("ray_cluster")
def test_what_ray_says_of_killed_workers_is_not_among_the_data(tmp_path: Path) -> None:
    address = pytest.importorskip("ray").get_runtime_context().gcs_address
    command = [sys.executable, "-c", KILLED, address, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (tmp_path / "died").exists()
    assert (done.returncode, done.stdout) == (0, "[1, 2]\n"), done.stderr


def test_an_address_of_rays_client_is_refused_with_what_to_use(tmp_path: Path, model_path: Path) -> None:
    pytest.importorskip("ray", reason='needs pip install "pixelwise[distributed]"')
    write_pictures(tmp_path / "photos", 1)
    arguments = ["segment", str(tmp_path / "photos"), "--model", str(model_path), "--output", str(tmp_path)]
    done = CliRunner().invoke(app, [*arguments, "--ray", "ray://127.0.0.1:10001"])
    assert done.exit_code == 1
    assert "Ray Data does not work through ray://" in done.output
    assert "run this on a machine of the cluster, with auto or HOST:6379" in done.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--smooth", "mean"), "--smooth does not work with it"),
        (("--submission", "a.tgz"), "--submission does not work with it"),
        (("--depth", "depth"), "--depth does not work with it"),
    ],
)
def test_options_for_one_machine_are_refused(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    arguments = ["segment", str(tmp_path), "--output", str(tmp_path / "out"), "--ray", "local", *options]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert message in done.output


def test_an_address_where_nothing_listens_is_reported_at_once(tmp_path: Path, model_path: Path) -> None:
    pytest.importorskip("ray", reason='needs pip install "pixelwise[distributed]"')
    from pixelwise.core.errors import ClusterError
    from pixelwise.distributed.cluster import expect_listener

    with pytest.raises(ClusterError, match=r"no Ray cluster at 127.0.0.1:1: Connection refused"):
        expect_listener("127.0.0.1:1")
    expect_listener("auto")


def test_without_ray_the_command_that_installs_it_is_named(
    tmp_path: Path, model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    write_pictures(tmp_path / "photos", 1)
    arguments = ["segment", str(tmp_path / "photos"), "--model", str(model_path), "--ray", "local"]
    done = CliRunner().invoke(app, [*arguments, "--output", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert 'pip install "pixelwise[distributed]"' in done.output


def test_workers_without_gpus_use_processors_and_a_named_gpu_is_asked_for() -> None:
    from pixelwise.distributed.cluster import placed

    model, plain = "mine.onnx", {"device": "cpu", "precision": "float32"}
    assert placed(model, {}, 0) == placed(model, {"device": "auto"}, 0) == (plain, 0)
    assert placed(model, {"device": "cuda"}, 0) == ({"device": "cuda"}, 1)
    assert placed(model, {}, 0.5) == ({}, 0.5)


def test_all_workers_use_the_precision_that_this_machine_decides_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from pixelwise import _core
    from pixelwise.distributed.cluster import placed

    for has_it, precision in ((True, "int8"), (False, "float32")):
        monkeypatch.setattr(_core, "has_int8_products", lambda has_it=has_it: has_it)
        assert placed("default", {"precision": "auto"}, 0)[0]["precision"] == precision
        # The CRF's workers have no GPU: in int8 the model would be another than that of the net's workers.
        assert placed("default", {"precision": "auto"}, 1)[0]["precision"] == "float32"


@pytest.mark.parametrize(("asked", "here"), [("cuda", "cpu"), ("auto", "auto")])
def test_the_machine_of_the_command_needs_no_gpu(
    asked: str, here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices: list[object] = []

    def note_device(*_: object, device: str, **__: object) -> None:
        devices.append(device)
        raise ClusterError("enough")

    monkeypatch.setattr("pixelwise.workflows.evaluating.evaluate", note_device)
    monkeypatch.setattr("pixelwise.workflows.evaluating.report_on", note_device)
    with pytest.raises(ClusterError, match="enough"):
        evaluate("default", "folder:photos", device=asked)
    arguments = ["eval", "default", "--data", "folder:photos", "--ray", "local", "--device", asked]
    assert "enough" in CliRunner().invoke(app, arguments).output
    assert devices == [here, here]
