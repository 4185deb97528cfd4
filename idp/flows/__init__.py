"""What a person or an operator does, without HTTP."""
