"""The demo: a pair on a real API server moves a real service between two real nodes, told live."""
