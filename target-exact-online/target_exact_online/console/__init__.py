"""The desk in a browser: pages for who decides about documents and has no terminal."""
