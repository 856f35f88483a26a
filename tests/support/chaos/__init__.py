"""`make chaos`: a pair under a seeded nemesis, audited after every move and judged from raw evidence at the end.

The law of this package: what happens is drawn from the seed and from what was struck so far, never from a clock;
what is true of it is judged from outside, by code that imports nothing of the operator.
"""
