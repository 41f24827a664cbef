"""Keeps the container images of Argo CD applications up to date."""

__version__ = "0.1.0"
