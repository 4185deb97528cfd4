"""Opening an account: ``flow`` begins, ``state`` is what is kept, and each part has its steps."""
