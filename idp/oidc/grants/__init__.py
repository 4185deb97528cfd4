"""One file per grant: what it takes, what it checks, which tokens it gives."""
