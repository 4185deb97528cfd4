"""Signing in: ``flow`` dispatches, ``state`` is what is kept, and each part has its steps."""
