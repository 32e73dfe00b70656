"""Losses of labelled pixels, by name, and which pixels they count."""

from .registry import Loss, list_losses, register

__all__ = ["Loss", "list_losses", "register"]
