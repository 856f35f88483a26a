"""Each check of an application against each fault that it is there to find, on real parts."""
