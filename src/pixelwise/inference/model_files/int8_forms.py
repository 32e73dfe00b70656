"""The int8 forms of models: files with weights and activations of 8 bits, bundled beside those in float32.

The card of a bundled model, NAME.json, says what mean IoU int8 costs.
"""

from pixelwise import _core
from pixelwise.core.errors import ModelError
from pixelwise.inference.model_files.card import card_of
from pixelwise.inference.model_files.model_file import ModelInfo, bundled_file

MOST_LOSS = 0.003
"""The mean IoU, of 1, that int8 may cost where it is chosen automatically."""


def is_int8(info: ModelInfo) -> bool:
    """Whether a model file was exported in int8."""
    return info.training.get("export") == "int8"


def int8_pays(name: str) -> bool:
    """Whether a bundled model has an int8 form that loses at most MOST_LOSS by its card, and this processor
    has instructions for it.
    """
    card = card_of(name)
    if not bundled_file(f"{name}.int8.onnx").is_file() or not card:
        return False
    loss = card["figures"]["mean_iou"] - card["int8"]["mean_iou"]
    return bool(loss <= MOST_LOSS) and _core.has_int8_products()


def expect_int8(info: ModelInfo, source: str) -> None:
    """Raise ModelError unless a model file was exported in int8."""
    if not is_int8(info):
        raise ModelError(
            f"{source} has no int8 form: its weights are floating-point numbers",
            "make one from it: pixelwise export MODEL --precision int8 --calibrate FOLDER -o small.onnx",
        )
