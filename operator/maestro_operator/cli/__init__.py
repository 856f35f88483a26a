"""`kubectl maestro`: reads and changes pairs by the API's ordinary verbs alone."""
