"""One disk of a real SCSI-3 target that two nodes see, and Debian's own agent that fences by its reservations."""
