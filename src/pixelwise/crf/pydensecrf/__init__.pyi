from . import densecrf, utils

__all__ = ["densecrf", "utils"]
