"""The API server: the one part that imports `kubernetes`."""
