"""Out-of-band fencing by ClusterLabs agents, run as processes."""
