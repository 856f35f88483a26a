"""A pair of nodes' programs over a real logical volume, in a User Mode Linux machine whose root is this machine's."""
