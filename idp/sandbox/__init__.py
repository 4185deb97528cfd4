"""The outside world, simulated over the same wire protocols; imports nothing of the provider."""
