"""The watch: the one part that imports `kopf`."""
