"""The return matrix: a node that was the owner comes back in every way there is, and starts nothing.

Real nodes, the real operator on a real API server, a client that writes all the time. Judged from the kernel's
process lists, what the node's own cable carried, the other node's disk, the name server's log and the node's journal,
by code that knows no operator.
"""
