"""Each driver of traffic moved many times under load, and what clients saw of it."""
