"""The one consistency group, moved as whole numbered generations."""
