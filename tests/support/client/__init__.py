"""A client that writes numbered records through the public name and keeps every acknowledgement as evidence."""
