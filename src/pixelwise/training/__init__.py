"""Training."""

import os

import lazy_loader

# How long torch's threads wait actively for work before they sleep, in turns of a loop, if they are GNU
# OpenMP's. By default they keep a processor busy for milliseconds, which compiled layers need. The value is
# read when torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
