-- What a person may do with a MaestroPair in Argo CD. There is no switchover: activeNode is written in Git.
local status = obj.status or {}
local management = (obj.spec or {}).management or "Enforce"
local moved = status.automaticMove

local function last_failover()
  for _, item in ipairs(status.history or {}) do
    if item.kind == "Failover" and item.result == "Done" then
      return item
    end
  end
  return nil
end

local actions = {}
actions["pause"] = {["disabled"] = management == "Paused"}
actions["resume"] = {["disabled"] = management == "Enforce"}
actions["acknowledge"] = {["disabled"] = moved == nil or moved.acknowledged == true}
actions["hand-back"] = {["disabled"] = last_failover() == nil or status.activeNode == obj.spec.activeNode}
actions["retry"] = {["disabled"] = status.orderNotDone == nil}
return actions
