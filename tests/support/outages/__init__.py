"""Outages and what looks like one, with real packets: what does the operator make of each.

`shapes` says what there is, `hands` does it, `play` plays and keeps the raw evidence, `judge` reads that alone.
"""
