"""Score in evaluation mode with a net that its owner may still train."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from torch import nn


class EvaluationMode:
    """Puts a net into evaluation mode while threads score with it, and then all its layers back into the
    modes that they were in. Copies of a net have one of their own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scoring = 0
        self._modes: dict[nn.Module, bool] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return EvaluationMode, ()

    @contextmanager
    def of(self, net: nn.Module) -> Iterator[None]:
        with self._lock:
            if self._scoring == 0:
                self._begin(net)
            self._scoring += 1
        try:
            yield
        finally:
            with self._lock:
                self._scoring -= 1
                if self._scoring == 0:
                    self._end(net)

    def _begin(self, net: nn.Module) -> None:
        modes = {layer: layer.training for layer in net.modules() if hasattr(layer, "training")}
        if any(modes.values()):
            self._modes = modes  # frozen TorchScript has none
            with suppress(NotImplementedError):  # programs of torch.export have one mode
                net.eval()

    def _end(self, net: nn.Module) -> None:
        modes, self._modes = self._modes, {}
        if modes.get(net):  # some nets do more than to set flags, such as to merge weights
            with suppress(NotImplementedError):
                net.train()
        for layer, training in modes.items():
            layer.training = training
