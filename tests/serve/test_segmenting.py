"""POST /v1/segment answers with the results that the predictor gives."""

import io
import re
from pathlib import Path
from urllib.parse import urlencode

import httpx
import numpy as np
import pytest
from PIL import Image, ImageCms

from pixelwise.cli.serve import serve
from pixelwise.inference.predictor import Predictor
from pixelwise.serve.refusals import Refusal
from pixelwise.serve.results import FORMS, chosen


def segment(service: httpx.Client, content: bytes, accept: str = "*/*", query: str = "") -> httpx.Response:
    return service.post(f"/v1/segment{query}", content=content, headers={"Accept": accept})


def test_json_has_the_size_and_the_share_of_every_class(service: httpx.Client, picture: bytes) -> None:
    answer = segment(service, picture)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    found = answer.json()
    assert (found["width"], found["height"]) == (40, 30)
    assert [(entry["name"], entry["area"]) for entry in found["classes"]] == [
        ("background", 0.75),
        ("red", 0.25),
    ]
    # scores 255 / 32 for red and 3 for the background, 0 for the others
    confidence = 1 / (1 + np.exp(3 - 255 / 32) + 2 * np.exp(-255 / 32))
    assert found["classes"][1]["confidence"] == pytest.approx(confidence, abs=1e-3)


def test_the_mask_is_the_predictors(service: httpx.Client, picture: bytes, tiny: Predictor) -> None:
    mask = Image.open(io.BytesIO(segment(service, picture, "image/png").content))
    expected = tiny(Image.open(io.BytesIO(picture))).labels
    assert mask.mode == "P"
    assert np.array_equal(np.asarray(mask), expected)
    assert np.unique(expected).tolist() == [0, 1]


def test_overlay_and_cutout_are_pictures(service: httpx.Client, picture: bytes) -> None:
    overlay = Image.open(io.BytesIO(segment(service, picture, "image/jpeg").content))
    assert overlay.format == "JPEG"
    answer = segment(service, picture, "image/png;result=cutout")
    assert answer.headers["content-type"] == "image/png; result=cutout"
    cutout = Image.open(io.BytesIO(answer.content))
    assert (cutout.mode, cutout.size) == ("RGBA", (40, 30))
    opaque = np.asarray(cutout)[..., 3]
    assert opaque[:, :8].min() > 200
    assert opaque[:, 12:].max() < 50


def test_results_are_those_of_the_file(service: httpx.Client, picture: bytes) -> None:
    profile, first = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), io.BytesIO()
    frames = [Image.open(io.BytesIO(picture)), Image.new("RGB", (40, 30))]
    frames[0].save(first, "WEBP", save_all=True, append_images=frames[1:], lossless=True, icc_profile=profile)
    assert segment(service, first.getvalue()).json()["notes"] == ["only the first frame"]
    session = service.post("/v1/sessions", content=first.getvalue()).json()
    assert session["notes"] == ["only the first frame"]
    for accept in ("image/jpeg", "image/png;result=cutout"):
        once = segment(service, first.getvalue(), accept)
        path = f"/v1/sessions/{session['session']}/result"
        for answer in (once, service.post(path, json={}, headers={"Accept": accept})):
            assert Image.open(io.BytesIO(answer.content)).info["icc_profile"] == profile


def test_pictures_follow_the_style_that_the_client_asks_for(service: httpx.Client, picture: bytes) -> None:
    def shown(accept: str, **parameters: str) -> Image.Image:
        return Image.open(io.BytesIO(segment(service, picture, accept, f"?{urlencode(parameters)}").content))

    assert shown("image/jpeg", legend="false").size == (40, 30)
    faint, strong = (np.asarray(shown("image/jpeg", opacity=share)).astype(int) for share in ("0.1", "1"))
    assert np.abs(faint - strong).max() > 50
    cutout = shown("image/png;result=cutout", background="#0000ff")
    assert cutout.mode == "RGB" and cutout.getpixel((39, 0)) == (0, 0, 255)
    assert shown("image/png;result=confidence", legend="false").size == (40, 30)


@pytest.mark.parametrize("background", ["/etc/passwd", "examples/chelsea.png", "red", "blur\n"])
def test_a_background_is_never_a_file_of_the_server(
    service: httpx.Client, picture: bytes, background: str
) -> None:
    answer = segment(service, picture, "image/png;result=cutout", f"?{urlencode({'background': background})}")
    assert answer.status_code == 400


def test_polygons_come_as_geojson_and_for_labelme(service: httpx.Client, picture: bytes) -> None:
    found = segment(service, picture, "application/geo+json").json()
    (feature,) = found["features"]
    assert (feature["properties"]["class"], feature["properties"]["area"]) == ("red", 300)
    assert sorted(map(tuple, feature["geometry"]["coordinates"][0][:4])) == [
        (0, 0),
        (0, 30),
        (10, 0),
        (10, 30),
    ]
    query = "?name=../secret/cat.png"
    labelme = segment(service, picture, "application/json;result=labelme", query).json()
    assert labelme["imagePath"] == "cat.png"
    assert (labelme["imageHeight"], labelme["imageWidth"]) == (30, 40)
    assert [shape["label"] for shape in labelme["shapes"]] == ["red"]


def test_a_form_gives_the_same_as_the_body_itself(service: httpx.Client, picture: bytes) -> None:
    form = service.post("/v1/segment", files={"file": ("../../etc/passwd", picture, "text/html")})
    assert form.status_code == 200
    assert form.content == segment(service, picture).content


def test_parameters_in_a_form_are_not_passed_over(service: httpx.Client, picture: bytes) -> None:
    for path in ("/v1/segment", "/v1/sessions"):
        answer = service.post(path, files={"file": picture}, data={"model": "other", "only": "red"})
        assert answer.status_code == 400
        assert answer.json()["error"] == "expected a form with the field file alone, got model, only"
        assert "?model=" in answer.json()["hint"]


@pytest.mark.parametrize(("query", "name"), [("", "my cat.png"), ("?name=dog.png", "dog.png")])
def test_labelme_holds_the_name_of_the_form_unless_another_is_given(
    service: httpx.Client, picture: bytes, query: str, name: str
) -> None:
    form = {"file": ("photos/my cat.png", picture, "image/png")}
    wanted = {"Accept": "application/json;result=labelme"}
    assert service.post(f"/v1/segment{query}", files=form, headers=wanted).json()["imagePath"] == name

    session = service.post("/v1/sessions", files=form).json()["session"]
    change = {"name": "dog.png"} if query else {}
    found = service.post(f"/v1/sessions/{session}/result", json=change, headers=wanted).json()
    assert found["imagePath"] == name


def test_only_keeps_the_classes_that_it_names(service: httpx.Client, picture: bytes) -> None:
    found = segment(service, picture, query="?only=blue").json()
    assert [(entry["name"], entry["area"]) for entry in found["classes"]] == [("background", 1.0)]
    assert segment(service, picture, query="?only=cat").status_code == 400


@pytest.mark.parametrize("share", ["0.8", "80%", "80%25", " 80% "])
def test_min_region_is_written_as_on_the_command_line(
    service: httpx.Client, picture: bytes, share: str
) -> None:
    found = segment(service, picture, query=f"?min_region={share}").json()["classes"]
    assert [entry["name"] for entry in found] == ["red"], "the background is smaller than this share"


@pytest.mark.parametrize("share", ["lots", "200%", "1.5", "-1", "nan", ""])
def test_min_region_is_a_share(service: httpx.Client, picture: bytes, share: str) -> None:
    refused = segment(service, picture, query=f"?min_region={share}")
    told = f"query.min_region: expected a share of the picture such as 0.1% or 0.001, got {share}"
    assert (refused.status_code, refused.json()["error"]) == (400, told)


def test_a_preset_refines(service: httpx.Client, picture: bytes) -> None:
    answer = segment(service, picture, query="?crf=deeplab")
    assert "refined" in answer.json()["notes"]
    wrong = segment(service, picture, query="?crf=../presets/mine.json")
    assert wrong.status_code == 400
    assert wrong.json()["hint"] == "there are densecrf, deeplab, deeplab-msc, deeplab-coco"


def test_models_are_chosen_by_name(service: httpx.Client, picture: bytes) -> None:
    assert [model["name"] for model in service.get("/v1/models").json()] == ["tiny", "other"]
    assert segment(service, picture, query="?model=other").status_code == 200
    unknown = segment(service, picture, query="?model=/etc/passwd")
    assert (unknown.status_code, unknown.json()["hint"]) == (404, "there are tiny, other")


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("image/*", "image/png"),
        ("image/jpeg;q=0.5, image/png;q=0.4", "image/jpeg"),
        ("image/jpeg;q=0.3, image/png;result=cutout", "image/png; result=cutout"),
        ("IMAGE/PNG ; RESULT=cutout", "image/png; result=cutout"),
        ("text/html, */*;q=0.1", "application/json"),
        ("image/jpeg;q=0, image/png", "image/png"),
    ],
)
def test_accept_chooses_by_weight_then_by_order(accept: str, media: str) -> None:
    assert chosen(accept).content_type == media


@pytest.mark.parametrize("accept", ["text/html", "image/webp", "image/png;result=poem", "image"])
def test_a_media_type_that_no_result_has_is_refused(accept: str) -> None:
    with pytest.raises(Refusal) as caught:
        chosen(accept)
    assert caught.value.status == 406
    assert all(form.content_type in str(caught.value.hint) for form in FORMS)


def test_the_description_names_every_result_and_refusal(service: httpx.Client) -> None:
    described = service.get("/openapi.json").json()
    operation = described["paths"]["/v1/segment"]["post"]
    assert set(operation["responses"]["200"]["content"]) == {form.content_type for form in FORMS}
    assert operation["responses"].keys() == {"200", "default", *statuses_in_the_docs()}
    assert "multipart/form-data" in operation["requestBody"]["content"]
    all_of_them = [one for path in described["paths"].values() for one in path.values()]
    assert len(all_of_them) == 8
    assert not [one for one in all_of_them if "422" in one["responses"]], "no answer has this status"


def test_the_help_and_the_docs_name_every_result() -> None:
    docs = (Path(__file__).parents[2] / "docs/service.md").read_text()
    for form in FORMS[1:]:  # the first is named JSON in the help
        media = form.content_type.replace("; ", ";")
        assert media in str(serve.__doc__) and f"| `{media}` |" in docs, media


def statuses_in_the_docs() -> list[str]:
    docs = (Path(__file__).parents[2] / "docs/service.md").read_text()
    return re.findall(r"^\| (\d{3}) \|", docs.partition("| status |")[2].partition("\n\n")[0], re.MULTILINE)


def test_the_client_in_the_docs_prints_the_classes(
    service: httpx.Client,
    picture: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    docs = (Path(__file__).parents[2] / "docs/service.md").read_text()
    code = docs.partition("## From Python\n\n```python\n")[2].partition("```")[0]
    assert "http://127.0.0.1:8000/" in code
    (tmp_path / "photo.jpg").write_bytes(picture)
    monkeypatch.chdir(tmp_path)
    exec(code.replace("http://127.0.0.1:8000/", f"{service.base_url}/"), {})
    assert capsys.readouterr().out.startswith("background 0.75 0.87")
