"""Tests of the pages, their texts and what protects them."""
