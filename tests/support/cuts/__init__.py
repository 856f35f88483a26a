"""Runs of the replication cut at many points, and a judgement of what is left to promote after each."""
