"""The services of a node: started in order, each ready before the next, and stopped."""
