"""Checks the laws over every world within a bound: the real turn over memory drivers, against an adversary."""
