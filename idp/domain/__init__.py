"""What is true without a network, a database or a browser."""
