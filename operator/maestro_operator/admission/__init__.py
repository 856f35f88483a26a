"""What only the operator can see of a resource: whether it may have any effect at all, before it has one."""
