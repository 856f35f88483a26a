"""The check is checked: mutants of what decides, of the guard and of the schema's rules, and who notices them."""
