"""Một Cửa: an OpenID Connect provider for a nation."""

__version__ = "0.1.0"
