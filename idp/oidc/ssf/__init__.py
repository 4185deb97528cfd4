"""OpenID Shared Signals Framework 1.0: the transmitter of security events (CAEP 1.0, RISC 1.0)."""
