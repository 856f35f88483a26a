"""The effects of a decision: one action, its intent written first."""
