"""Judges a run from raw evidence alone: clients' records, disks after power-off, and the logs of BMC, DNS and API.

It imports nothing of the operator and nothing of what it judges: a mistake they share with it would be one
that nobody sees. Nanoseconds are the kernel's: all parts of one test bed run on one kernel.
"""
