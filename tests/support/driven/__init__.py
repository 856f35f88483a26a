"""What a move costs with each driver of replication: downtime, declared loss, and what was really lost.

The real operator on a real API server, two real nodes, a client that writes all the time. With DRBD the nodes are
machines with a kernel each. Judged from what clients were told, the disks after the power went, and the API server's
log.
"""
