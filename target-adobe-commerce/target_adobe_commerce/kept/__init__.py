"""What this target keeps: records of Exact, pairs, what both sides last had, calls in flight."""
