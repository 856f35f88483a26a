-- Do nothing more after the episode under way; the pair runs on.
obj.spec.management = "Paused"
return obj
