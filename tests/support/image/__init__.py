"""The operator's image, made and run without Docker, and judged from what is inside."""
