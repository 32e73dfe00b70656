"""An HTTP service around predictors, and the page that it shows. Needs the extra `serve`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
