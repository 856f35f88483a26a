"""The stand-in for LISTSERV Maestro: one application server with HUB, LUI and Tracker.

It runs on a node with the distribution's Python, the standard library and psycopg2 alone. Its law: a
record is acknowledged only when its file and its row are both on disk.
"""
