-- The last automatic move is understood; the next one need not wait.
local answers = obj.spec.answers or {}
table.insert(answers, {episode = obj.status.automaticMove.episode, say = "Acknowledge", by = "Argo CD"})
obj.spec.answers = answers
return obj
