"""Rules: what an accountant decided, read from one file, first match wins."""
