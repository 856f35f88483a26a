"""What points clients at a node."""
