"""Every manifest of examples/bad is refused: by the API server, or by the operator before its first effect."""
