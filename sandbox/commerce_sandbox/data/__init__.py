"""What the sandbox is filled with: the recorded shop, generated shops, an Exact company."""
