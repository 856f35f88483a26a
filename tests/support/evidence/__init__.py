"""The results that are committed because they take longer than CI has, and the check that they are whole."""
