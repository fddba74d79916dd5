import Allocation
import Foundation
import ModuleHost
import Resources
import Testing

/// The policy that is a Lua script.
@Suite struct LuaTests {
  private let workspace = try! Workspace()

  /// One with a script of its own; what it logs goes to the workspace.
  private func cluster(_ script: String, _ parameters: String = "") throws -> Cluster {
    try workspace.write("policy.lua", script)
    let host = try ModuleHost(
      product: "tepui-test", version: "0", directory: Repository.products,
      configuration: """
        {"libraries": [{"name": "lua", "modules": [{"name": "org.tepui.lua",
          "parameters": {"script": "\(workspace.file("policy.lua"))"\(parameters)}}]}]}
        """, logger: .init(label: "test") { [log = workspace.log] _ in log })
    return Cluster(policy: try host.loadAllocator(named: "lua"))
  }

  /// All to the claimant with this place in the list.
  private func all(to place: Int) -> String {
    "function allocate(view) for _, agent in ipairs(view.candidates) do grant(agent, view.claimants[\(place)]) end end"
  }

  /// What a script's `allocate` prints for two agents and two frameworks.
  private func printed(_ body: String) throws -> [String] {
    var cluster = try cluster("function allocate(view)\n\(body)\nend")
    try cluster.addAgents(2, "cpus:4;mem:4096;disk:1")
    cluster.addFramework("f1", "eng/web")
    cluster.addFramework("f2", "ops")
    let cycle = cluster.cycle()
    try #require(cycle.failure == nil, "\(cycle.failure ?? "")")
    return workspace.log.lines.filter { $0.hasPrefix("info: org.tepui.lua: ") && !$0.contains(": loaded ") }
      .map { String($0.dropFirst("info: org.tepui.lua: ".count)) }
  }

  // MARK: What a script sees and does

  @Test func withoutAScriptFrameworksTakeTurns() throws {
    var cluster = try Cluster(module: "lua")
    try cluster.addAgents(6)
    for name in ["f1", "f2", "f3"] { cluster.addFramework(name, "dev") }
    #expect(cluster.granted() == ["f1": 2, "f2": 2, "f3": 2])
  }

  @Test func aScriptDecides() throws {
    var cluster = try cluster(all(to: 2))
    try cluster.addAgents(3)
    cluster.addFramework("f1", "dev")
    cluster.addFramework("f2", "dev")
    #expect(cluster.granted() == ["f2": 3])
  }

  @Test func aScriptSeesTheColumns() throws {
    let lines = try printed(
      """
      local agent, claimant = view.candidates[1], view.claimants[1]
      print(#view.candidates, #view.claimants, table.concat(view.kinds, "+"), view.total.cpus, view.total.nothing)
      print(agent.name, agent.id, agent.free.mem, agent.total.disk, agent.has_any, agent == view.candidates[1])
      print(claimant.name, claimant.role.name, claimant.role.parent.name, claimant.role.parent.parent.parent)
      print(claimant.role.weight, claimant.role.allocated.cpus, claimant:may_have(agent))
      print(grant(agent, claimant, {cpus = 1.5, mem = 512}))
      print(agent.free.cpus, claimant.allocated.cpus, claimant.role.parent.allocated.mem)
      print(grant(agent, claimant, {cpus = 100}))
      """)
    let agent = try #require(lines.dropFirst().first?.prefix(2))
    #expect(
      lines == [
        "2 2 cpus+mem+disk 8.0 0.0", "\(agent) \(agent.dropFirst()) 4096.0 1.0 true true", "f1 eng/web eng nil",
        "1.0 0.0 true", "true", "2.5 1.5 512.0", "false invalid",
      ])
  }

  /// The example of the module's folder: work gathers on few agents.
  @Test func theBinPackingExampleFillsTheFullestFirst() throws {
    let path = "\(Repository.root)/Modules/Lua/examples/bin-packing.lua"
    let script = try String(contentsOfFile: path, encoding: .utf8)
    #expect(script.split(separator: "\n", omittingEmptySubsequences: false).count - 1 <= 25)
    var cluster = try cluster(script)
    try cluster.addAgents(3)
    cluster.addFramework("f1", "a")
    cluster.addFramework("f2", "b")
    for (agent, held) in [(0, "cpus:1;mem:64"), (1, "cpus:3;mem:64"), (2, "cpus:2;mem:64")] {
      cluster.ledger.allocate(
        try Resources(parsing: held).allocated(to: "a"), agent: cluster.agents[agent],
        framework: try #require(cluster.frameworks["f1"]))
    }
    let cycle = cluster.cycle()
    #expect(cycle.grants.map(\.agent) == [1, 2, 0].map { cluster.agents[$0] })
    #expect(cycle.grants.map { cluster.name($0.framework) } == ["f2", "f1", "f2"])
  }

  // MARK: Changes

  @Test func aChangedScriptDecidesAtOnce() throws {
    var cluster = try cluster(all(to: 1))
    cluster.addFramework("f1", "dev")
    cluster.addFramework("f2", "dev")
    try cluster.addAgents(1)
    #expect(cluster.granted() == ["f1": 1])
    try workspace.write("policy.lua", all(to: 2))
    try cluster.addAgents(1)
    #expect(cluster.granted() == ["f2": 1])
    #expect(workspace.log.lines.last?.hasSuffix("policy.lua has changed and decides from now on") == true)
  }

  @Test(arguments: [
    ("function allocate(view", "policy.lua:1: ')' expected near <eof>"),
    ("x = 1", "policy.lua: it defines no function allocate(view)"),
    ("nothing.at.all()", "policy.lua:1: attempt to index a nil value (global 'nothing')"),
    ("while true do end", "policy.lua:1: it takes more instructions than instruction_limit allows"),
    ("\u{1B}Lua", "attempt to load a binary chunk (mode is 't')"),
    ("function allocate(view) view.candidates[1].fre = 1 end", "policy.lua:1: agent cannot be changed"),
    ("function allocate(view) while true do end end", "more instructions than instruction_limit allows"),
  ])
  func anErrorInAChangedScriptKeepsTheLastGoodOne(script: String, text: String) throws {
    var cluster = try cluster(all(to: 1), #", "instruction_limit": 1000000"#)
    cluster.addFramework("f1", "dev")
    try cluster.addAgents(1)
    #expect(cluster.granted() == ["f1": 1])
    try workspace.write("policy.lua", script)
    try cluster.addAgents(1)
    let cycle = cluster.cycle()
    #expect(cycle.grants.count == 1 && cycle.failure == nil)
    let line = try #require(workspace.log.lines.last)
    #expect(line.hasPrefix("error: org.tepui.lua: the changed script "), "\(line)")
    #expect(line.contains("the last good one goes on: ") && line.contains(text), "\(line)")
    // Told once, and to whoever asks.
    try cluster.addAgents(1)
    let count = workspace.log.lines.count
    #expect(cluster.granted() == ["f1": 1])
    #expect(workspace.log.lines.count == count)
    let framework = try #require(cluster.frameworks["f1"])
    func reasons() -> [String]? {
      cluster.ledger.explain(framework: framework, policy: cluster.policy, at: 1)?.roles[0].policyReasons.map(\.text)
    }
    #expect(try #require(reasons()).contains { $0.hasPrefix("an older script decides, for the changed one fails: ") })
    try workspace.write("policy.lua", all(to: 1))
    try cluster.addAgents(1)
    #expect(cluster.granted() == ["f1": 1])
    #expect(reasons() == [])
  }

  @Test func aScriptThatGoesAwayGoesOn() throws {
    var cluster = try cluster(all(to: 1))
    cluster.addFramework("f1", "dev")
    try FileManager.default.removeItem(atPath: workspace.file("policy.lua"))
    try cluster.addAgents(1)
    #expect(cluster.granted() == ["f1": 1])
  }

  @Test(arguments: [
    ("function allocate(", "policy.lua:1: <name> or '...' expected near <eof>"),
    (
      "local t = {}; while true do t[#t + 1] = ('x'):rep(100000) end",
      "it needs more memory than memory_limit_mb allows"
    ),
  ])
  func aScriptThatCannotBeUsedKeepsTheMasterFromStarting(script: String, text: String) throws {
    let error = try #require(throws: ModuleError.self) { try cluster(script) }
    #expect(error.code == .create)
    #expect(error.message.hasSuffix("org.tepui.lua does not start: script: \(text)"), "\(error.message)")
  }

  @Test func aScriptThatIsNotThereKeepsTheMasterFromStarting() throws {
    let error = try #require(throws: ModuleError.self) {
      try Cluster(module: "lua", parameters: #"{"script": "/nowhere/policy.lua"}"#)
    }
    #expect(error.message.hasSuffix("script: /nowhere/policy.lua: No such file or directory"), "\(error.message)")
    #expect(throws: ModuleError.self) { try Cluster(module: "lua", parameters: #"{"script": "/dev/zero"}"#) }
  }

  // MARK: Bounds

  /// None of these may hang or grow: each ends with an error, and the next cycle finds the policy alive.
  @Test(arguments: [
    "while true do end",
    "local function f() return f() end f()",
    "local function f() f() f() end f()",
    "local s = 'x' while true do s = s .. s end",
    "while true do local s = ('x'):rep(1000000) end",
    "local t = {} while true do t[#t + 1] = {} end",
    "local t = {} for i = 1, 1000000 do table.insert(t, 1, i) end",
    "local t = {} for i = 1, 20000 do t[i] = i end while true do table.concat(t) end",
    "setmetatable({}, {__gc = function() while true do end end}) while true do local t = {} end",
    "table.sort(view.candidates, function() while true do end end)",
    "for _ in pairs(setmetatable({}, {__index = function() return 1 end})) do end error('x')",
    "error({})", "error(nil)", "local x = view.candidates[1] .. 'x'", "grant(view.candidates[1], view.candidates[1])",
    "grant(view.candidates[1], view.claimants[1], {cpus = 0/0})", "allocate = nil; error('x')",
    "grant(view.candidates[1], view.claimants[1], {cpus = -1})",
  ])
  func aScriptThatFailsEndsItsCycleAndNoMore(body: String) throws {
    var cluster = try cluster(
      """
      local cycles = 0
      local function fail(view)
        \(body)
      end
      function allocate(view)
        cycles = cycles + 1
        if cycles == 2 then fail(view) end
        grant(view.candidates[1], view.claimants[1])
      end
      """, #", "instruction_limit": 2000000, "memory_limit_mb": 8"#)
    cluster.addFramework("f1", "dev")
    try cluster.addAgents(1)
    #expect(cluster.granted() == ["f1": 1])
    try cluster.addAgents(2)
    #expect(cluster.cycle().failure != nil)
    if !body.hasPrefix("allocate = nil") {
      try cluster.addAgents(1)
      #expect(cluster.granted() == ["f1": 1])
    }
  }

  @Test func thereIsNoWayOut() throws {
    let names = [
      "io", "os", "require", "package", "debug", "load", "loadfile", "dofile", "coroutine", "pcall", "xpcall", "next",
      "collectgarbage", "math.randomseed", "string.find", "string.gsub", "string.dump", "string.pack",
    ]
    let lines = try printed(names.map { "print(\"\($0)\", \($0))" }.joined(separator: "\n"))
    #expect(lines == names.map { "\($0) nil" })
  }

  @Test func nothingDiffersFromRunToRun() throws {
    let body = """
      local t = {b = 1, a = 2, [3] = 3, [1] = 4, [true] = 5, [view.candidates[1]] = 6, z = 7}
      t.z = nil
      for key, value in pairs(t) do print(tostring(key):sub(1, 5), value) end
      local list = {}
      for i = 1, 300 do list[i] = {key = i % 3, place = i} end
      table.sort(list, function(a, b) return a.key < b.key end)
      local places = {}
      for i, item in ipairs(list) do places[i] = item.place end
      print(table.concat(places, " ", 1, 4), table.concat(places, " ", 299, 300))
      print(tostring({}), tostring(print), math.random(1, 1000000), string.format("%d-%s", 7, "x"))
      local numbers = {3, 1, 2}
      table.sort(numbers)
      print(table.unpack(numbers))
      """
    let first = try printed(body)
    #expect(
      first.dropLast(2) == ["1 4", "3 3", "a 2", "b 1", "agent 6", "true 5", "3 6 9 12 296 299"], "\(first)")
    #expect(first.last == "1 2 3")
    #expect(first.dropLast().last?.hasPrefix("table function ") == true)
    let again = LuaTests()
    #expect(try again.printed(body) == first)
  }
}
