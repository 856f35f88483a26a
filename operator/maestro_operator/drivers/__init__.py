"""The effects: one port a family, a real driver and a memory twin held to the same suite."""
