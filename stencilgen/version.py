"""The version of stencilgen, and of what generated headers and the runtime agree on."""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["RUNTIME_ABI", "VERSION"]

try:
    VERSION = version("stencilgen")
except PackageNotFoundError:  # a checkout that is not installed
    VERSION = "0+checkout"

RUNTIME_ABI = 8
"""SG_ABI of the runtime that generated headers are made for; a test holds the two equal."""
