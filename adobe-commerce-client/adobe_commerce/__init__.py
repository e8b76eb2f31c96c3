"""Client for Adobe Commerce's REST API: login of every kind, calls, search, answers and errors."""
