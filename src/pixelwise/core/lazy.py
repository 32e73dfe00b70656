"""The names of a package load when they are first used, as its stub (.pyi) says."""

from collections.abc import Callable
from typing import Any

import lazy_loader

from pixelwise.core.errors import extras_named


def attach(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package whose `__init__.py` is `file`.

    A name that needs a package of an optional install tier raises MissingExtraError without it.
    """
    load, names, public = lazy_loader.attach_stub(package, file)
    return extras_named()(load), names, public
