"""Every port over a world in memory: for tests, the enumeration and a demo without root."""
