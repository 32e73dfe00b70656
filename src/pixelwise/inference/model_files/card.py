"""The cards of the bundled models: NAME.json beside NAME.onnx."""

import json
from typing import Any

from pixelwise.inference.model_files.model_file import bundled_file


def card_of(name: str) -> dict[str, Any]:
    """The card of a bundled model; empty if it has none."""
    file = bundled_file(f"{name}.json")
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def learnt_from(name: str) -> str:
    """The pictures that a bundled model learnt from, as fingerprints (core/fingerprints.py)."""
    return str(card_of(name).get("learnt_from", ""))
