"""Layers that several nets use, and the grids their cells lie on."""
