"""The names of number formats, the same in training and inference."""

from pixelwise.core.errors import ArgumentError

PRECISIONS = ("auto", "float32", "bfloat16", "float16", "int8")

TRAINING = ("auto", "float32", "bfloat16", "float16")
"""Training in bfloat16 or float16 is mixed: weights stay float32. "auto" chooses where a choice is safe."""

INFERENCE = ("auto", "float32", "bfloat16", "int8")
"""What model files run in; int8 must have been prepared by calibration. Nets run in the others."""

_FABRIC = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}


def plain(name: str) -> str:
    """The name in PRECISIONS for a name of lightning-fabric, which earlier recipes have; others unchanged."""
    return {theirs: ours for ours, theirs in _FABRIC.items()}.get(name, name)


def fabric_name(name: str) -> str:
    """lightning-fabric's name of a precision."""
    return _FABRIC[name]


def fault_of(name: str, known: tuple[str, ...] = TRAINING) -> str | None:
    """What is wrong with a name; None if it is one of those `known`."""
    return None if name in known else f'precision is one of {", ".join(known)}, got "{str(name)[:60]}"'


def for_inference(name: str) -> str:
    """The name in INFERENCE for a name. Raises ValueError for unknown names, and for formats that no engine
    runs in.
    """
    name = plain(name)
    if fault := fault_of(name, PRECISIONS):
        raise ArgumentError("precision", fault)
    if name not in INFERENCE:
        raise ArgumentError(
            "precision", f"models run in {', '.join(INFERENCE[1:])}, not in {name}; it is for training"
        )
    return name


def for_net(name: str) -> str:
    """The format that a net of torch runs in, float32 or bfloat16; "auto" is float32, because bfloat16 rounds
    more.

    Raises ValueError as `for_inference` does, and for int8, which needs a calibrated file.
    """
    name = for_inference(name)
    if name == "int8":
        raise ArgumentError(
            "precision", "nets do not run in int8: pixelwise export --precision int8 makes a file that does"
        )
    return "float32" if name == "auto" else name
