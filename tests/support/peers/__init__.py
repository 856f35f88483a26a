"""The peers of this operator, each with its best documented settings, on the same nodes and accidents as it."""
