"""Every command and every manifest of the docs, run and judged on a real API server with nodes in memory."""
