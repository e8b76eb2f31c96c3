"""Adobe Commerce and Exact Online on loopback, as strict as the real ones."""
