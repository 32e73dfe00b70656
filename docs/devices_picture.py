"""Makes the picture of docs/how_to/devices.md: `python docs/devices_picture.py`.

What runs on which device. The rows of engines are asked of the code that chooses devices.
"""

from collections.abc import Callable
from pathlib import Path

from panels import INK, PAPER
from PIL import Image, ImageDraw, ImageFont

from pixelwise.core.errors import ModelError
from pixelwise.inference.engines.devices import Device, onnx_providers, openvino_device

HERE = Path(__file__).parent
DEVICES = {
    "cpu": "processor",
    "cuda": "NVIDIA GPU",
    "mps": "Apple GPU",
    "xpu": "Intel GPU",
}
YES, BESIDE, NO = "yes", "on the processor", "no"
COLOURS = {YES: (190, 228, 198), BESIDE: (250, 228, 178), NO: (232, 232, 234)}
LEFT, CELL, LINE, GAP = 240, (150, 34), 46, 6


def by_onnxruntime(device: str) -> str:
    """With every provider installed."""
    every = ["CUDAExecutionProvider", "CoreMLExecutionProvider", "CPUExecutionProvider"]
    return runs(lambda: onnx_providers(Device(device), every))


def by_openvino(device: str) -> str:
    """With every driver installed."""
    return runs(lambda: openvino_device(Device(device), ["CPU", "GPU"]))


def runs(choose: Callable[[], object]) -> str:
    try:
        choose()
    except ModelError:
        return NO
    return YES


ROWS = {
    "model files, by ONNX Runtime": {device: by_onnxruntime(device) for device in DEVICES},
    "model files, by OpenVINO": {device: by_openvino(device) for device in DEVICES},
    "nets and run folders, by torch": dict.fromkeys(DEVICES, YES),
    "the CRF (--crf)": {"cpu": YES, "cuda": YES, "mps": BESIDE, "xpu": BESIDE},
    "cleaning, cutouts, polygons": {"cpu": YES, "cuda": BESIDE, "mps": BESIDE, "xpu": BESIDE},
}


def main() -> None:
    font, bold = ImageFont.load_default(14), ImageFont.load_default(16)
    size = (LEFT + len(DEVICES) * (CELL[0] + GAP), LINE + len(ROWS) * (CELL[1] + GAP) + GAP)
    page = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(page)
    for column, (device, meaning) in enumerate(DEVICES.items()):
        middle = LEFT + column * (CELL[0] + GAP) + CELL[0] / 2
        draw.text((middle, 12), f"--device {device}", INK, bold, anchor="mm")
        draw.text((middle, 32), meaning, INK, font, anchor="mm")
    for line, (what, cells) in enumerate(ROWS.items()):
        top = LINE + line * (CELL[1] + GAP)
        draw.text((LEFT - 14, top + CELL[1] / 2), what, INK, font, anchor="rm")
        for column, device in enumerate(DEVICES):
            left = LEFT + column * (CELL[0] + GAP)
            draw.rounded_rectangle((left, top, left + CELL[0], top + CELL[1]), 5, COLOURS[cells[device]])
            place = (left + CELL[0] / 2, top + CELL[1] / 2)
            draw.text(place, cells[device], INK, font, anchor="mm")
    page.save(HERE / "images/devices.png", optimize=True)


if __name__ == "__main__":
    main()
