"""Relying-party software that others wrote, as portals of a running provider."""
