-- Health of a MaestroPair for Argo CD: what the operator wrote, and nothing that it did not.
-- Only the base and table libraries are used: Argo CD opens no others.
local health = {}

local function condition(name)
  for _, item in ipairs((obj.status or {}).conditions or {}) do
    if item.type == name then
      return item
    end
  end
  return {status = "Unknown", reason = "NotYetKnown", message = "nothing is known yet"}
end

local function is(name, truth)
  return condition(name).status == truth
end

local function told(name)
  local item = condition(name)
  return item.reason .. ": " .. item.message
end

local function answer(status, message)
  health.status = status
  health.message = message
  return health
end

if obj.metadata.deletionTimestamp ~= nil then
  return answer("Progressing", "the pair is being deleted; nothing is stopped")
end
if obj.status == nil or obj.status.conditions == nil then
  return answer("Progressing", "no operator has seen the pair yet")
end
if is("SplitBrainDetected", "True") then
  return answer("Degraded", told("SplitBrainDetected"))
end
if obj.status.observedGeneration ~= obj.metadata.generation then
  return answer("Progressing", "the operator has not seen this spec yet")
end
local management = obj.spec.management or "Enforce"
if management ~= "Enforce" and obj.status.episode == nil then
  return answer("Suspended", "management is " .. management)
end
if is("Stalled", "True") and not is("Ready", "True") then
  return answer("Degraded", told("Stalled"))
end
if is("Reconciling", "True") then
  return answer("Progressing", condition("Reconciling").message)
end
if is("ActiveNodeOverridden", "True") then
  -- A person accepts the move in Git or hands back; until then the declaration and the world differ.
  return answer("Suspended", told("ActiveNodeOverridden"))
end
if is("Ready", "True") then
  return answer("Healthy", (obj.status.activeNode or "?") .. " serves")
end
if is("Ready", "Unknown") then
  return answer("Unknown", told("Ready"))
end
return answer("Degraded", told("Ready"))
