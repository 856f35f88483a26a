"""How the operator reaches a node: sessions that heal, and what is installed there."""
