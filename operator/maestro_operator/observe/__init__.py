"""The looks at the world: effects in, one frozen `Seen` out."""
