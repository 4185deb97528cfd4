"""HTTP in, HTML or JSON out; no decisions."""
