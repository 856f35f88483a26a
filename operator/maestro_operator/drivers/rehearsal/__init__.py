"""Rehearsals on a standby: what they run, and how they are looked at from here."""
