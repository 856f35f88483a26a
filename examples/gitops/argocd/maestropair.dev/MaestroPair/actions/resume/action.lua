-- Carry orders out again.
obj.spec.management = "Enforce"
return obj
