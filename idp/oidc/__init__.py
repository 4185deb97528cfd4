"""The protocol in the words of its specifications."""
