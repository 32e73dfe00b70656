"""The cards of the bundled models: NAME.json beside NAME.onnx."""

import json
from dataclasses import replace
from typing import Any

from pixelwise.inference.model_files.model_file import ModelInfo, bundled_file, bundled_names


def card_of(name: str) -> dict[str, Any]:
    """The card of a bundled model; empty if it has none."""
    file = bundled_file(f"{name}.json")
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def with_record(info: ModelInfo, model: object) -> ModelInfo:
    """The metadata of a model; of a bundled one, with the pictures it learnt from, which its card has."""
    if str(model) not in bundled_names():
        return info
    return replace(info, learnt_from=str(card_of(str(model)).get("learnt_from", "")))
