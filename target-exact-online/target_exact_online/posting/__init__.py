"""Posting documents, each exactly once: what is decided (`state`), and the loop that acts on it."""
