"""Tiny files in the formats that data sets come in."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.io import savemat

from pixelwise.core.classes import voc_palette

Rows = list[list[int]]


def write_photo(path: Path, height: int, width: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (10, 20, 30)).save(path)


def write_label(path: Path, rows: Rows, mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.array(rows, np.uint8))
    if mode == "P":
        image.putpalette([value for colour in voc_palette() for value in colour])
    image.save(path)


def write_colours(path: Path, rows: list[list[tuple[int, int, int]]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(rows, np.uint8)).save(path)


def write_mat(path: Path, content: dict[str, Any]) -> None:
    """MATLAB's version 5; a dictionary inside becomes a struct."""
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, content)


def write_mat_73(path: Path, content: dict[str, npt.NDArray[Any]]) -> None:
    """MATLAB's version 7.3: HDF5 behind 512 bytes of text, arrays with their axes reversed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in content.items():
            file.create_dataset(name, data=np.ascontiguousarray(values.T))
        file.create_group("#refs#")
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan 01 00:00:00 2024".ljust(124))
        raw.write(b"\x00\x02IM")


def write_list(path: Path, *ids: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{id_}\n" for id_ in ids))
