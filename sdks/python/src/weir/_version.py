"""The version of the package, also told to the gateway."""

__version__ = "0.2.0"
