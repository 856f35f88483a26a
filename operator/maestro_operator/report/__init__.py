"""What is shown of a turn: conditions, status, samples; pure."""
