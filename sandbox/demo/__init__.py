"""`make demo`: every sample through the real front doors."""
