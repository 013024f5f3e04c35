"""Tukar: an open exchange for large open models."""

__version__ = "0.1.0.dev0"
