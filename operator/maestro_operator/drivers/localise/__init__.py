"""What differs by node: the public names, pinned to the node itself."""
