"""The tutorial and a night on call, from an empty cluster to an empty cluster, with only what the docs say."""
