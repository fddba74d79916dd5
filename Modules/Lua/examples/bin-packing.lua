-- Bin packing: the agent with the least left comes first, so that work gathers and whole agents stay free for large
-- tasks. Frameworks take turns.
local turn = 0

local function part_left(agent)
  local cpus, mem = agent.total.cpus, agent.total.mem
  return (cpus > 0 and agent.free.cpus / cpus or 0) + (mem > 0 and agent.free.mem / mem or 0)
end

function allocate(view)
  local agents, claimants, left = view.candidates, view.claimants, {}
  for _, agent in ipairs(agents) do left[agent] = part_left(agent) end
  table.sort(agents, function(a, b) return left[a] < left[b] or left[a] == left[b] and a.id < b.id end)
  for _, agent in ipairs(agents) do
    for step = 1, #claimants do
      local claimant = claimants[(turn + step) % #claimants + 1]
      if claimant:may_have(agent) and grant(agent, claimant) and not agent.has_any then
        turn = turn + step
        break
      end
    end
  end
end
