"""Sessions of the page: the same beliefs as the CRF's, kept lattices, scribbles, and a bounded store."""

import io
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from running_service import running

from pixelwise.crf import DenseCRF, mean_field, unary_from_probabilities
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.segmentation import Segmentation
from pixelwise.serve import Limits, create_app
from pixelwise.serve.refusals import Refusal
from pixelwise.serve.sessions import crf_session
from pixelwise.serve.sessions.change import BASE, MOST_BYTES, Change, Scribble
from pixelwise.serve.sessions.crf_session import CRFSession
from pixelwise.serve.sessions.operations import PIXELS
from pixelwise.serve.sessions.store import SessionStore


@pytest.fixture(scope="module")
def photo() -> npt.NDArray[np.uint8]:
    """Red, green and black areas under noise."""
    random = np.random.default_rng(3)
    pixels = np.zeros((60, 90, 3), np.int64)
    pixels[:, :40, 0], pixels[20:, 50:, 1] = 130, 130
    noisy = (pixels + random.normal(0, 40, pixels.shape)).clip(0, 255)
    return noisy.astype(np.uint8)


@pytest.fixture
def session(tiny: Predictor, photo: npt.NDArray[np.uint8]) -> CRFSession:
    return opened(tiny, photo)


def opened(tiny: Predictor, photo: npt.NDArray[np.uint8]) -> CRFSession:
    return CRFSession(tiny(photo), photo, lambda: photo, threads=1)


def encoded(photo: npt.NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "PNG")
    return file.getvalue()


def scribble(class_id: int, more: bool, *points: tuple[float, float]) -> Scribble:
    return Scribble(class_id=class_id, more=more, radius=4, points=list(points))


def test_beliefs_are_those_of_the_crf_with_these_parameters(
    session: CRFSession, tiny: Predictor, photo: npt.NDArray[np.uint8]
) -> None:
    change = Change(w1=8, theta_alpha=30, theta_beta=20, iterations=4)
    unary = unary_from_probabilities(tiny(photo).probabilities_at((60, 90)))
    expected = mean_field(unary, change.preset().kernels(photo), iterations=4, threads=1)
    assert np.allclose(session.beliefs(change), expected, atol=1e-3)
    assert not np.array_equal(expected.argmax(0), unary.argmin(0))


def test_no_iteration_gives_the_nets_labels(
    session: CRFSession, tiny: Predictor, photo: npt.NDArray[np.uint8]
) -> None:
    labels, confidence = session.labels(Change(iterations=0))
    net = tiny(photo).probabilities_at((60, 90))
    assert np.array_equal(labels, net.argmax(0))
    assert np.abs(confidence / 255 - net.max(0)).max() < 0.01


def test_a_further_iteration_a_scribble_and_a_weight_keep_the_lattices(
    session: CRFSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = 0

    def counted(*args: Any, **options: Any) -> Any:
        nonlocal made
        made += 1
        return DenseCRF(*args, **options)

    monkeypatch.setattr(crf_session, "DenseCRF", counted)
    for change in (
        Change(iterations=3),
        Change(iterations=4),
        Change(iterations=2),
        Change(iterations=2, scribbles=[scribble(1, True, (70, 10))]),
        Change(iterations=2, w1=0),
        Change(iterations=2, w1=30),
    ):
        session.beliefs(change)
        assert made == 1
    session.beliefs(Change(theta_alpha=20))
    assert made == 2


def test_a_change_of_the_weight_gives_what_a_new_session_gives(
    session: CRFSession, tiny: Predictor, photo: npt.NDArray[np.uint8]
) -> None:
    for w1 in (0.0, 20.0, 3.0):
        change = Change(iterations=3, w1=w1)
        assert np.allclose(session.beliefs(change), opened(tiny, photo).beliefs(change), atol=1e-5)


def test_the_order_of_changes_does_not_matter(session: CRFSession, tiny: Predictor, photo: Any) -> None:
    strokes = [scribble(1, True, (70, 10), (80, 12))]
    changes = [
        Change(iterations=n, theta_beta=b, scribbles=s) for n in (5, 2) for b in (3, 9) for s in ([], strokes)
    ]
    for change in [*changes, *reversed(changes)]:
        fresh = opened(tiny, photo)
        assert np.array_equal(session.beliefs(change), fresh.beliefs(change))


def test_a_scribble_makes_its_class_more_or_less_likely_where_the_colours_are_alike(
    session: CRFSession,
) -> None:
    before = session.beliefs(Change())
    assert before.argmax(0)[10, 20] == 1
    less = session.beliefs(Change(scribbles=[scribble(1, False, (10, 10), (30, 10))]))
    assert less[1, 10, 20] < 0.1
    more = session.beliefs(Change(scribbles=[scribble(3, True, (60, 5), (80, 12))]))
    labels = more.argmax(0)
    assert labels[8, 70] == 3
    assert (labels[:, :30] == before.argmax(0)[:, :30]).mean() > 0.98


def test_a_file_has_the_pictures_own_size(tiny: Predictor) -> None:
    large = np.zeros((300, 1200, 3), np.uint8)
    large[:, :600, 0] = 200
    session = opened(tiny, large)
    assert session.size == (125, 500)
    labels = session.segmentation(Change()).labels
    assert labels.shape == (300, 1200)
    assert (labels[:, :590] == 1).all()
    assert (labels[:, 610:] == 0).all()


def test_the_cutout_of_a_session_is_not_refined_again(
    session: CRFSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = session.segmentation(Change())
    assert "refined" in made.notes()
    monkeypatch.setattr("pixelwise.inference.segmentation.CRFRefiner", None)
    assert isinstance(made, Segmentation)
    assert made.cutout().size == (90, 60)


@pytest.fixture(scope="module")
def small(tiny: Predictor) -> Iterator[httpx.Client]:
    with running(create_app({"tiny": tiny}, Limits(sessions=2))) as client:
        yield client


def pixels(client: httpx.Client, name: str, change: dict[str, Any]) -> httpx.Response:
    return client.post(f"/v1/sessions/{name}/result", json=change, headers={"Accept": PIXELS})


def test_over_http_the_page_gets_labels_and_confidences(
    small: httpx.Client, tiny: Predictor, photo: npt.NDArray[np.uint8]
) -> None:
    answered = small.post("/v1/sessions", content=encoded(photo)).json()
    assert (answered["height"], answered["width"]) == (60, 90)
    assert answered["preset"] == vars(BASE)
    answer = pixels(small, answered["session"], {"iterations": 3})
    labels, confidence = opened(tiny, photo).labels(Change(iterations=3))
    received = np.frombuffer(answer.content, np.uint8).reshape(2, 60, 90)
    assert np.array_equal(received[0], labels)
    assert np.abs(received[1].astype(int) - confidence).max() <= 1
    assert answer.headers["content-encoding"] == "gzip"
    plain = small.post(
        f"/v1/sessions/{answered['session']}/result",
        json={"iterations": 3},
        headers={"Accept": PIXELS, "Accept-Encoding": "identity"},
    )
    assert "content-encoding" not in plain.headers
    assert plain.content == answer.content


def test_over_http_files_come_by_accept(small: httpx.Client, photo: npt.NDArray[np.uint8]) -> None:
    name = small.post("/v1/sessions", content=encoded(photo)).json()["session"]
    path = f"/v1/sessions/{name}/result"
    mask = small.post(path, json={"only": ["red"]}, headers={"Accept": "image/png"})
    assert set(np.unique(np.asarray(Image.open(io.BytesIO(mask.content))))) == {0, 1}
    cutout = small.post(path, json={"only": ["red"]}, headers={"Accept": "image/png;result=cutout"})
    assert Image.open(io.BytesIO(cutout.content)).mode == "RGBA"
    assert small.post(path, json={"only": ["cat"]}, headers={"Accept": "image/png"}).status_code == 400


WRONG: dict[str, dict[str, Any]] = {
    "too many iterations": {"iterations": 51},
    "no number": {"w1": "NaN"},
    "a narrow width": {"theta_beta": 0},
    "another name": {"w3": 1},
    "a class that is not there": {
        "scribbles": [{"class_id": 9, "more": True, "radius": 3, "points": [[1, 1]]}]
    },
    "no points": {"scribbles": [{"class_id": 1, "more": True, "radius": 3, "points": []}]},
    "a place that is not a number": {
        "scribbles": [{"class_id": 1, "more": True, "radius": 3, "points": [[1, "NaN"]]}]
    },
    "too many scribbles": {
        "scribbles": [{"class_id": 1, "more": True, "radius": 3, "points": [[1, 1]]}] * 101
    },
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_changes_are_refused(small: httpx.Client, photo: npt.NDArray[np.uint8], name: str) -> None:
    session = small.post("/v1/sessions", content=encoded(photo)).json()["session"]
    assert pixels(small, session, WRONG[name]).status_code == 400
    assert pixels(small, session, {}).status_code == 200


def test_a_change_is_bounded(small: httpx.Client, photo: npt.NDArray[np.uint8]) -> None:
    session = small.post("/v1/sessions", content=encoded(photo)).json()["session"]
    path = f"/v1/sessions/{session}/result"
    refused = small.post(path, content=b'{"w1":' + b" " * MOST_BYTES + b"5}")
    assert (refused.status_code, refused.json()["hint"]) == (413, "send fewer scribbles")
    damaged = small.post(path, content=b"{")
    assert damaged.status_code == 400
    assert damaged.json()["error"].startswith("body: invalid JSON")


def test_a_parameter_that_is_not_there_is_refused(small: httpx.Client, photo: npt.NDArray[np.uint8]) -> None:
    content = encoded(photo)
    session = small.post("/v1/sessions", content=content).json()["session"]
    for path in ("/v1/segment?min-region=0.5", "/v1/segment?preset=densecrf", "/v1/sessions?modell=tiny"):
        refused = small.post(path, content=content)
        name = path.partition("?")[2].partition("=")[0]
        assert refused.status_code == 400
        assert refused.json()["error"] == f"query.{name}: there is no such parameter"
    assert small.post(f"/v1/sessions/{session}/result?w1=3", json={}).status_code == 400


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("opacity=2", "query.opacity: input should be less than or equal to 1, got '2'"),
        (
            "background=blue",
            "query.background: expected transparent, blur or a colour such as #ff8800, got 'blue'",
        ),
        ("min_region=2", "query.min_region: expected a share of the picture such as 0.1% or 0.001, got 2"),
    ],
)
def test_a_wrong_value_is_quoted(
    small: httpx.Client, photo: npt.NDArray[np.uint8], query: str, said: str
) -> None:
    assert small.post(f"/v1/segment?{query}", content=encoded(photo)).json()["error"] == said


@pytest.mark.parametrize("place", [(-1e30, 1e30), (1e9, 5.0), (-50.0, -50.0)])
def test_a_scribble_outside_of_the_picture_changes_nothing(
    session: CRFSession, place: tuple[float, float]
) -> None:
    changed = session.beliefs(Change(scribbles=[scribble(1, True, place)]))
    assert np.array_equal(changed, session.beliefs(Change()))


def test_the_session_that_was_not_used_for_longest_is_closed_first(
    small: httpx.Client, photo: npt.NDArray[np.uint8]
) -> None:
    first, second = (small.post("/v1/sessions", content=encoded(photo)).json()["session"] for _ in range(2))
    assert pixels(small, first, {}).status_code == 200
    third = small.post("/v1/sessions", content=encoded(photo)).json()["session"]
    assert [pixels(small, name, {}).status_code for name in (first, second, third)] == [200, 404, 200]
    assert "pixelwise_sessions 2.0" in small.get("/metrics").text
    assert small.delete(f"/v1/sessions/{first}").status_code == 204
    assert pixels(small, first, {}).json()["hint"] == "send the picture again"


def test_a_session_that_is_not_used_is_closed(session: CRFSession) -> None:
    now = 0.0
    store = SessionStore(most=5, seconds=10, clock=lambda: now)
    name, other = store.add(session), store.add(session)
    assert name != other
    now = 8.0
    assert store.get(name) is session
    now = 16.0
    assert len(store) == 1
    with pytest.raises(Refusal) as caught:
        store.get(other)
    assert caught.value.status == 404
    assert store.get(name) is session
