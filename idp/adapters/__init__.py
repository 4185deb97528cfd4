"""The real callers behind the ports, one file each."""
