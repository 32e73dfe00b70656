"""What a predictor takes besides files and arrays: bytes, open files, tensors."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from pixelwise.core.errors import ImageError
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.sources import given
from pixelwise.inference.sources.given import Source, readable

torch = pytest.importorskip("torch")


@pytest.fixture
def pixels() -> npt.NDArray[np.uint8]:
    """A red picture with a blue corner, wider than high."""
    image = np.full((4, 6, 3), (250, 0, 0), np.uint8)
    image[:2, :3] = (0, 0, 250)
    return image


def encoded(pixels: npt.NDArray[np.uint8], kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def test_every_kind_of_source_gives_the_same_labels(
    predictor: Predictor, pixels: npt.NDArray[np.uint8], tmp_path: Path
) -> None:
    content = encoded(pixels)
    path = tmp_path / "x.png"
    path.write_bytes(content)
    tensor = torch.from_numpy(pixels)
    expected = predictor(pixels).labels
    assert len(np.unique(expected)) == 2
    with path.open("rb") as file:
        sources: list[Source] = [
            str(path), path, content, bytearray(content), io.BytesIO(content), file,
            tensor, tensor.permute(2, 0, 1), tensor / 255, (tensor / 255).half(), (tensor / 255).bfloat16(),
            (tensor / 255).double().requires_grad_(),
        ]  # fmt: skip
        results = [predictor(source) for source in sources]
    assert len(results) == 12
    for result in results:
        assert np.array_equal(result.labels, expected)
        assert result.overlay(legend=False).size == (6, 4), (
            "the original is still there after the file was closed"
        )


def test_batch_takes_the_same_sources_and_a_tensor_of_pictures(
    predictor: Predictor, pixels: npt.NDArray[np.uint8]
) -> None:
    expected = predictor(pixels).labels
    mixed: list[Source] = [encoded(pixels), io.BytesIO(encoded(pixels)), torch.from_numpy(pixels)]
    assert [np.array_equal(result.labels, expected) for result in predictor.batch(mixed)] == [True] * 3
    whole = torch.from_numpy(pixels).permute(2, 0, 1).expand(2, 3, 4, 6)
    assert [np.array_equal(result.labels, expected) for result in predictor.batch(whole)] == [True] * 2
    with pytest.raises(ValueError, match=r"expected one picture.*predictor\.batch"):
        predictor(whole)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.zeros(3, 5, 3), "could be either"),
        (torch.zeros(3, 3, 3, dtype=torch.uint8), "could be either"),
        (torch.zeros(4, 6), "expected a tensor"),
        (torch.zeros(1, 4, 6), "expected a tensor"),
        (torch.zeros(4, 4, 6), "expected a tensor"),
        (torch.zeros(3, 0, 6), "expected a tensor"),
        (torch.full((3, 4, 6), 200.0), "got 200 to 200: divide by 255"),
        (torch.linspace(-2, 2, 72).reshape(3, 4, 6), "before it was normalised"),
        (torch.full((3, 4, 6), torch.nan), "got nan to nan"),
        (torch.zeros(3, 4, 6, dtype=torch.int64), "uint8 or of floats from 0 to 1"),
        (torch.zeros(3, 4, 6, dtype=torch.bool), "uint8 or of floats from 0 to 1"),
    ],
)
def test_tensors_that_are_ambiguous_or_no_pictures_are_refused(
    predictor: Predictor, tensor: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        predictor(tensor)


def test_what_resizing_overshoots_is_clipped() -> None:
    tensor = torch.tensor([-0.005, 0.5, 1.005]).reshape(3, 1, 1).expand(3, 1, 2)
    assert np.asarray(readable(tensor)).tolist() == [[[0, 128, 255]] * 2]


def test_an_open_file_is_read_from_where_it_is_and_faults_are_named(
    predictor: Predictor, pixels: npt.NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.BytesIO(b"header" + encoded(pixels))
    file.seek(6)
    assert predictor(file).size == (4, 6)
    with pytest.raises(
        ImageError, match=r"the file object: expected a picture, got no bytes\nhint: .*seek\(0\)"
    ):
        predictor(file)
    text = tmp_path / "x.txt"
    text.write_text("words")
    with text.open() as opened, pytest.raises(ImageError, match=r"x\.txt: expected a file opened as binary"):
        predictor(opened)  # type: ignore[arg-type]
    with pytest.raises(ImageError, match=r"cannot be read: .*closed file"):
        predictor(opened_and_closed(text))
    with pytest.raises(ImageError, match="the bytes: expected an image, got text"):
        predictor(b"no picture")
    monkeypatch.setattr(given, "MOST_BYTES", 1000)
    endless = type("Endless", (io.RawIOBase,), {"read": lambda self, size: bytes(size)})
    with pytest.raises(ImageError, match="the file object: expected at most 0 MB, got more"):
        predictor(endless())


def opened_and_closed(path: Path) -> io.BufferedReader:
    with path.open("rb") as file:
        return file


def test_what_is_no_source_at_all_is_named(predictor: Predictor) -> None:
    for wrong in (None, 5, ["a.png"]):
        with pytest.raises(ValueError, match=f"got {type(wrong).__name__}"):
            predictor(wrong)  # type: ignore[arg-type]
