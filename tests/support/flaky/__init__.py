"""Operators as processes between a way to the API server that fails in every way it can, and nodes that outlive them.

`api` is the way to the API server, `faults` what can be wrong with it, `nodes` the memory nodes that processes reach
over a socket, `process` the operator that runs over both, `rig` all of it together, `judge` what came of it.
"""
