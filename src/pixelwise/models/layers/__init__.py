"""Layers that several nets use, and the grids of their cells."""
