"""The examples of the docs run as they are printed."""
