"""The proof that the service really works."""
