-- Repeat the order that was rolled back.
local answers = obj.spec.answers or {}
table.insert(answers, {episode = obj.status.orderNotDone, say = "Retry", by = "Argo CD"})
obj.spec.answers = answers
return obj
