"""Client for Exact Online's REST API: login, tokens, limits, calls, answers and errors."""
