"""Drivers of virtual machines that a cluster keeps."""
