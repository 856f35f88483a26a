"""The tutorial and a night on call, from two plain servers and an empty cluster, with only what the docs say."""
