"""Whether the twins in memory do what guard and API server do, on cases that the enumeration makes."""
