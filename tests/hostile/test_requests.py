"""Hostile requests and pictures over HTTP: each is answered or refused, and the service goes on."""

import json
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from cases_pictures import cases as picture_cases
from cases_requests import cases as request_cases
from PIL import Image
from tiny_model import tiny_info, tiny_model

pytest.importorskip("fastapi", reason="needs the extra serve")

import httpx
from running_service import connection, everything, running

from pixelwise.inference.engines.onnx import OnnxEngine
from pixelwise.inference.predictor import Predictor
from pixelwise.serve import Limits, create_app

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "ignore::pytest.PytestUnraisableExceptionWarning"
    ),  # Starlette's part of a form
]

COUNT = int(os.environ.get("PIXELWISE_HOSTILE", "200"))


@pytest.fixture(scope="module", params=[20.0])
def service(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """Waits so many seconds for the body of a request."""
    limits = Limits(most_pixels=1_000_000, body_seconds=request.param)
    predictor = Predictor(OnnxEngine(tiny_model(), 1), tiny_info())
    with running(create_app({"tiny": predictor}, limits)) as client:
        yield client


def test_hostile_pictures_are_answered_or_refused(
    service: httpx.Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answered = refused = 0
    for case in picture_cases(COUNT, 19, tmp_path):
        answer = service.post("/v1/segment", content=case.path.read_bytes())
        if answer.status_code == 200:
            assert answer.json()["width"] > 0, case.made
            answered += 1
        else:
            assert answer.status_code in (400, 413), f"{case.made}: {answer.status_code} {answer.text}"
            assert answer.json()["error"], case.made
            assert str(tmp_path) not in answer.text
            refused += 1
    assert answered > COUNT // 20
    assert refused > COUNT // 4
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("service", [0.3], indirect=True)
def test_hostile_requests_are_answered_or_refused(
    service: httpx.Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Image.new("RGB", (30, 20)).save(tmp_path / "photo.png")
    statuses = set()
    for case in request_cases(COUNT, 20, (tmp_path / "photo.png").read_bytes()):
        with connection(service) as opened:
            opened.sendall(case.content)
            if case.damaged:
                opened.shutdown(socket.SHUT_WR)
            answer = everything(opened)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"Traceback" not in answer, case
        assert b"root:" not in answer, case
        if head:
            statuses.add(int(head.split()[1]))
            assert int(head.split()[1]) < 500, case
            if b"application/json" in head and body.startswith(b"{"):
                json.loads(body)
    assert {200, 400, 404, 405} <= statuses
    assert service.get("/health").status_code == 200
    assert "pixelwise_places_taken 0.0" in service.get("/metrics").text
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
