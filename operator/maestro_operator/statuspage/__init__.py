"""The status page: every pair as people want to see it, read-only, off unless it is asked for."""
