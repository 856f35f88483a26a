"""The operator's own look at a service from outside."""
