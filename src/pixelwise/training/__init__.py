"""Fitting a net to labelled images."""

import os

import lazy_loader

# How long torch's threads look out for work before they sleep, in turns of a loop, where they are those of
# GNU's OpenMP. By default they keep a processor busy for milliseconds that compiled layers need. It is read
# when torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
