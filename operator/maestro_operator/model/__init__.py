"""The frozen values that every other part shares; nothing here has an effect."""
