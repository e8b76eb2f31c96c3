"""From a record of contract 2 to what Exact accepts, everything knowable checked first."""
