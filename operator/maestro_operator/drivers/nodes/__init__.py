"""The nodes: read, equipped, ordered, started and stopped."""
