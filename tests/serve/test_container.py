"""The commands in Dockerfile and compose file exist; there is no Docker here to run them."""

import itertools
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pixelwise.cli import main
from pixelwise.inference import bundled_names

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def arguments_of(instruction: str) -> list[str]:
    """The JSON list after an instruction of the last stage."""
    found = re.search(rf"{instruction} (\[.*\])", DOCKERFILE)
    assert found is not None
    arguments: list[str] = json.loads(found[1])
    return arguments


def expect_known(options: list[str]) -> None:
    """The options are those of `pixelwise serve`."""
    described = CliRunner().invoke(main.app, ["serve", "--help"]).output
    named = [option for option in options if option.startswith("--")]
    assert named
    assert [option for option in named if option not in described.split()] == []


def test_the_container_runs_the_service_as_another_user_than_root() -> None:
    program, verb, *options = arguments_of("ENTRYPOINT")
    assert (program, verb) == ("pixelwise", "serve")
    expect_known(options)
    last = DOCKERFILE.rpartition("FROM ")[2]
    assert last.index("USER pixelwise") < last.index("ENTRYPOINT")
    port = options[options.index("--port") + 1]
    assert f"EXPOSE {port}" in last
    assert f":{port}/health" in last


def test_the_healthcheck_is_a_program_that_python_runs() -> None:
    program, flag, code = arguments_of("    CMD")
    assert (program, flag) == ("python", "-c")
    compile(code, "healthcheck", "exec")


def test_what_the_build_copies_is_there_and_not_ignored() -> None:
    copied = [line.split()[1:-1] for line in DOCKERFILE.splitlines() if re.match(r"COPY (?!--)", line)]
    names = [name for line in copied for name in line]
    assert {"src", "cpp", "pyproject.toml"} <= set(names)
    allowed = (ROOT / ".dockerignore").read_text().split()
    for name in names:
        assert (ROOT / name).exists()
        assert f"!{name}" in allowed


def test_the_compose_file_names_options_and_models_that_exist() -> None:
    yaml = pytest.importorskip("yaml")
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["pixelwise"]
    options = service["command"]
    expect_known(options)
    models = [value for option, value in itertools.pairwise(options) if option == "--model"]
    assert models
    assert set(models) <= set(bundled_names())
    assert "PIXELWISE_API_KEY" in service["environment"]
    assert service["read_only"] is True
