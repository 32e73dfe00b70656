"""An HTTP service around predictors, and the page that it shows. Needs the extra `serve`."""

from .app import create_app
from .limits import Limits
from .running import run

__all__ = ["Limits", "create_app", "run"]
