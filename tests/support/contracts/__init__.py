"""What a family's drivers must do whatever is below them: the worlds that the contract suites run in."""
