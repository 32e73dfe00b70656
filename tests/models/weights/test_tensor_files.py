"""Files of weights: what is read, and what is refused by the file's name and never in torch's words."""

import os
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pixelwise.core.errors import ModelError
from pixelwise.models.weights.tensor_files import read_metadata, read_tensors

SOUND = {"conv.weight": torch.arange(12.0).reshape(3, 4), "steps": torch.tensor(7)}


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_tensors(path)
    text = str(caught.value)
    assert str(path) in text
    assert "weights_only" not in text and "torch.load" not in text
    return text


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_numbers_that_are_not_finite_are_refused_by_the_tensor_s_name(
    tmp_path: Path, ending: str, value: float, kind: torch.dtype
) -> None:
    path = tmp_path / f"net{ending}"
    tensors = {**SOUND, "bias": torch.tensor([0.5, value], dtype=kind)}
    save_file(tensors, path) if ending == ".safetensors" else torch.save(tensors, path)
    assert "holds NaN or infinite numbers in bias" in refusal(path)


@pytest.mark.parametrize("legacy", [False, True])
def test_sound_files_of_both_formats_of_torch_s_are_read_in_their_order(tmp_path: Path, legacy: bool) -> None:
    path = tmp_path / "net.pth"
    torch.save(SOUND, path, _use_new_zipfile_serialization=not legacy)
    found = read_tensors(path)
    assert list(found) == list(SOUND)
    assert all(torch.equal(found[name], tensor) for name, tensor in SOUND.items())


def test_a_safetensors_file_is_not_mapped_and_its_notes_are_read(tmp_path: Path) -> None:
    """The pages of a mapped file vanish with it: SIGBUS."""
    path = tmp_path / "net.safetensors"
    save_file({"w": torch.arange(100_000.0)}, path, {"input": "BGR"})
    found, notes = read_tensors(path), read_metadata(path)
    path.write_bytes(b"")
    assert found["w"].sum() == torch.arange(100_000.0).sum()
    assert notes == {"input": "BGR"}


def test_a_bit_that_flipped_in_an_archive_is_found(tmp_path: Path) -> None:
    """torch itself reads such a file without a word."""
    path = tmp_path / "net.pth"
    torch.save({"w": torch.ones(1000)}, path)
    content = bytearray(path.read_bytes())
    content[content.index(torch.ones(1000).numpy().tobytes()) + 1000] ^= 1
    path.write_bytes(content)
    assert not torch.equal(torch.load(path, weights_only=True)["w"], torch.ones(1000))
    assert "the file is damaged" in refusal(path)


def test_an_entry_that_would_unpack_to_more_than_the_file_is_refused(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain.pth", tmp_path / "packed.pth"
    torch.save({"w": torch.zeros(1000)}, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    assert read_tensors(plain)["w"].shape == (1000,)
    assert "the file is damaged, of another kind, or not only tensors" in refusal(packed)


def test_a_tensor_that_claims_more_numbers_than_it_stores_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save({"w": torch.zeros(1).expand(10**9, 10**6)}, path)
    assert "w as (1000000000, 1000000), which is more numbers than it stores" in refusal(path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ([1, 2], "does not hold a state dict"),
        ({"w": 3}, "does not hold a state dict"),
        ({"w": torch.zeros(2).to_sparse()}, "holds w in a form that is not plain numbers"),
    ],
)
def test_files_without_plain_tensors_by_name_are_refused(
    tmp_path: Path, content: object, complaint: str
) -> None:
    torch.save(content, tmp_path / "net.pth")
    assert complaint in refusal(tmp_path / "net.pth")


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_pipes_devices_and_folders_are_refused_before_they_are_opened(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"folder.{ending}").mkdir()
    os.mkfifo(tmp_path / f"pipe.{ending}")
    (tmp_path / f"zero.{ending}").symlink_to("/dev/zero")
    for name, reason in {
        "folder": "it is a folder",
        "pipe": "it is a device, pipe",
        "zero": "it is a device",
    }.items():
        assert reason in refusal(tmp_path / f"{name}.{ending}")
