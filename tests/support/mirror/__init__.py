"""A DRBD mirror on two real kernels: what it keeps through moves, cuts, deaths and a split, what it refuses.

The drivers of the operator order it as an operator would; accidents and a person's hands are the harness's. Judged from
the kernels' own words, the disks after the power went, and what clients were told, by code that knows no operator.
"""
