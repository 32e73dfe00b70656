"""What every part uses: classes, errors, files, threads and pictures. No torch, no engine."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
