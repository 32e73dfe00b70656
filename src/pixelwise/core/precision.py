"""The names of number formats, the same in training and inference."""

from pixelwise.core.errors import ArgumentError

PRECISIONS = ("auto", "float32", "bfloat16", "float16")
"""Training in bfloat16 or float16 is mixed: weights stay float32. "auto" chooses where a choice is safe."""

INFERENCE = ("float32", "bfloat16")
"""The formats that nets and model files run in."""

_FABRIC = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}


def plain(name: str) -> str:
    """The name in PRECISIONS for a name of lightning-fabric, which earlier recipes have; others unchanged."""
    return {theirs: ours for ours, theirs in _FABRIC.items()}.get(name, name)


def fabric_name(name: str) -> str:
    """lightning-fabric's name of a precision."""
    return _FABRIC[name]


def fault_of(name: str) -> str | None:
    """What is wrong with a name; None if it is one of PRECISIONS."""
    return None if name in PRECISIONS else f'precision is one of {", ".join(PRECISIONS)}, got "{name[:60]}"'


def for_inference(name: str) -> str:
    """The format of INFERENCE that a name stands for; "auto" is float32, because others round more.

    Raises ValueError for unknown names, and for formats that no engine runs in.
    """
    name = plain(name)
    if fault := fault_of(name):
        raise ArgumentError("precision", fault)
    if name not in ("auto", *INFERENCE):
        raise ArgumentError(
            "precision", f"models run in {' or '.join(INFERENCE)}, not in {name}; it is for training"
        )
    return "float32" if name == "auto" else name
