"""The operator keeps one of two Maestro servers active, and never both."""
