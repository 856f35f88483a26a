"""What the tests and the demo stand on: the bed, the control plane, the stand-in, the judge and the tier runner."""
