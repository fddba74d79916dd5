import Allocation
import ModuleHost
import Resources
import Testing

/// The policies of this repository, loaded from their shared libraries, over the master's real books.
@Suite struct DRFTests {
  @Test func equalFrameworksGetEqualShares() throws {
    var cluster = try Cluster(module: "drf")
    try cluster.addAgents(6)
    for name in ["f1", "f2", "f3"] { cluster.addFramework(name, "dev") }
    #expect(cluster.granted() == ["f1": 2, "f2": 2, "f3": 2])
  }

  @Test func rolesShareByWeight() throws {
    var cluster = try Cluster(module: "drf")
    try cluster.addAgents(9)
    cluster.ledger.setWeight(2000, ofRole: "prod")
    cluster.addFramework("f1", "prod")
    cluster.addFramework("f2", "dev")
    #expect(cluster.granted() == ["f1": 6, "f2": 3])
  }

  /// Three frameworks in one role are one role.
  @Test func sharesAreAmongRolesFirst() throws {
    var cluster = try Cluster(module: "drf")
    try cluster.addAgents(12)
    for name in ["f1", "f2", "f3"] { cluster.addFramework(name, "dev") }
    cluster.addFramework("f4", "prod")
    #expect(cluster.granted() == ["f1": 2, "f2": 2, "f3": 2, "f4": 6])
  }

  @Test func rolesBelowShareWhatTheirParentGets() throws {
    var cluster = try Cluster(module: "drf")
    try cluster.addAgents(12)
    cluster.ledger.setWeight(2000, ofRole: "eng/web")
    cluster.addFramework("web", "eng/web")
    cluster.addFramework("db", "eng/db")
    cluster.addFramework("ops", "ops")
    #expect(cluster.granted() == ["web": 4, "db": 2, "ops": 6])
  }

  @Test func aRolesOwnFrameworksAreLikeOneMoreRoleBelow() throws {
    var cluster = try Cluster(module: "drf")
    try cluster.addAgents(8)
    cluster.addFramework("own1", "eng")
    cluster.addFramework("own2", "eng")
    cluster.addFramework("below", "eng/web")
    #expect(cluster.granted() == ["own1": 2, "own2": 2, "below": 4])
  }

  /// A holds half of the CPUs and no memory, B a third of the memory: B is behind.
  @Test func theDominantResourceDecides() throws {
    var cluster = try Cluster(module: "drf")
    cluster.addFramework("cpus", "a")
    cluster.addFramework("mem", "b")
    try cluster.addAgents(1, "cpus:12;mem:12288")
    try hold("cpus:6;mem:1024", "cpus", "a", &cluster)
    try hold("cpus:1;mem:4096", "mem", "b", &cluster)
    #expect(cluster.granted() == ["mem": 1])
  }

  @Test func excludedKindsDoNotCount() throws {
    var options = AllocationOptions()
    options.excludedFromFairness = ["gpus"]
    options.reservesGPUAgents = false
    var cluster = try Cluster(module: "drf", options: options)
    cluster.addFramework("gpus", "a")
    cluster.addFramework("cpus", "b")
    try cluster.addAgents(1, "cpus:12;mem:12288;gpus:4")
    try hold("cpus:1;mem:64;gpus:4", "gpus", "a", &cluster)
    try hold("cpus:2;mem:64", "cpus", "b", &cluster)
    #expect(cluster.granted() == ["gpus": 1])
  }

  @Test func whoHoldsLessGetsMoreUntilAllAreLevel() throws {
    var cluster = try Cluster(module: "drf")
    try cluster.addAgents(10)
    cluster.addFramework("old", "a")
    #expect(cluster.granted() == ["old": 10])
    try cluster.addAgents(6)
    cluster.addFramework("new", "b")
    #expect(cluster.granted() == ["new": 6])
  }

  /// A framework that declines keeps a share of zero; it must not stand before the others for ever.
  @Test func offersGoRoundAmongEquals() throws {
    var cluster = try Cluster(module: "drf")
    try cluster.addAgents(1)
    for name in ["f1", "f2", "f3"] { cluster.addFramework(name, "dev") }
    var order: [String] = []
    for _ in 0..<6 {
      let grant = try #require(cluster.cycle().grants.first)
      order.append(cluster.name(grant.framework))
      cluster.ledger.recover(grant.resources, agent: grant.agent, framework: grant.framework)
    }
    #expect(order == ["f1", "f2", "f3", "f1", "f2", "f3"])
  }

  @Test func whoMayNotHaveAnAgentIsPassedOver() throws {
    var cluster = try Cluster(module: "drf")
    try cluster.addAgents(2)
    cluster.addFramework("f1", "dev")
    cluster.addFramework("f2", "dev")
    let id = try #require(cluster.frameworks["f1"])
    let all = try Resources(parsing: "cpus:4;mem:4096").allocated(to: "dev")
    cluster.ledger.refuse(all, agent: cluster.agents[0], framework: id, until: .max)
    cluster.ledger.refuse(all, agent: cluster.agents[1], framework: id, until: .max)
    let cycle = cluster.cycle()
    #expect(cycle.grants.map { cluster.name($0.framework) } == ["f2", "f2"])
    #expect(cycle.invalidCount == 0)
  }

  @Test func aReservationGoesToItsRole() throws {
    var cluster = try Cluster(module: "drf")
    cluster.addFramework("dev", "dev")
    cluster.addFramework("prod", "prod")
    try cluster.addAgents(1, "cpus(prod):4;mem(prod):4096")
    #expect(cluster.granted() == ["prod": 1])
  }

  @Test func everyAgentFindsSomebodyInALargerCluster() throws {
    var cluster = try Cluster(module: "drf")
    try cluster.addAgents(300)
    for number in 0..<60 { cluster.addFramework("f\(number)", "r\(number % 7)/s\(number % 3)") }
    let cycle = cluster.cycle()
    #expect(cycle.grants.count == 300)
    #expect(cycle.invalidCount == 0)
    // Seven roles at the top share 300 agents.
    for role in 0..<7 {
      #expect((42...43).contains(cycle.grants.count { $0.role.hasPrefix("r\(role)/") }))
    }
  }

  private func hold(_ resources: String, _ framework: String, _ role: String, _ cluster: inout Cluster) throws {
    cluster.ledger.allocate(
      try Resources(parsing: resources).allocated(to: role), agent: cluster.agents[0],
      framework: try #require(cluster.frameworks[framework]))
  }
}

@Suite struct StrictPriorityTests {
  @Test func theHighestPriorityGetsEverything() throws {
    var cluster = try Cluster(module: "strict-priority", parameters: #"{"priorities": "dev=10,prod=100"}"#)
    try cluster.addAgents(3)
    cluster.addFramework("f1", "dev")
    cluster.addFramework("f2", "prod")
    cluster.addFramework("f3", "other")
    #expect(cluster.granted() == ["f2": 3])
  }

  @Test func whatItMayNotHaveReachesTheNext() throws {
    var cluster = try Cluster(module: "strict-priority", parameters: #"{"priorities": "prod=100,dev=-5"}"#)
    try cluster.addAgents(2)
    cluster.addFramework("f1", "dev")
    cluster.addFramework("f2", "prod")
    cluster.addFramework("f3", "other")
    let prod = try #require(cluster.frameworks["f2"])
    cluster.ledger.refuse(
      try Resources(parsing: "cpus:4;mem:4096").allocated(to: "prod"), agent: cluster.agents[0], framework: prod,
      until: .max)
    let cycle = cluster.cycle()
    #expect(Set(cycle.grants.map { "\($0.agent) \(cluster.name($0.framework))" }) == ["0 f3", "1 f2"])
    #expect(cycle.invalidCount == 0)
  }

  @Test func aRoleBelowInheritsThePriority() throws {
    var cluster = try Cluster(module: "strict-priority", parameters: #"{"priorities": "prod=100,prod/batch=-1"}"#)
    try cluster.addAgents(1)
    cluster.addFramework("batch", "prod/batch")
    cluster.addFramework("dev", "dev")
    cluster.addFramework("web", "prod/web/shop")
    #expect(cluster.granted() == ["web": 1])
  }

  @Test func amongEqualsTheOlderFrameworkIsFirst() throws {
    var cluster = try Cluster(module: "strict-priority")
    try cluster.addAgents(2)
    cluster.addFramework("f1", "b")
    cluster.addFramework("f2", "a")
    #expect(cluster.granted() == ["f1": 2])
  }

  @Test(arguments: [
    ("prod", "priorities: \"prod\" is not ROLE=INTEGER, such as prod=100"),
    ("prod=high", "priorities: \"prod=high\" is not ROLE=INTEGER, such as prod=100"),
    ("prod=", "priorities: \"prod=\" is not ROLE=INTEGER, such as prod=100"),
    ("=3", "priorities: \"=3\" is not ROLE=INTEGER, such as prod=100"),
    ("prod=1,", "priorities: \"\" is not ROLE=INTEGER, such as prod=100"),
    ("prod=99999999999999999999", "priorities: \"prod=99999999999999999999\" is not ROLE=INTEGER, such as prod=100"),
    ("prod=1,prod=2", "priorities: the role prod has two"),
  ])
  func aBadListIsRefused(list: String, text: String) throws {
    let error = try #require(throws: ModuleError.self) {
      try Cluster(module: "strict-priority", parameters: "{\"priorities\": \"\(list)\"}")
    }
    #expect(error.code == .create)
    #expect(error.message.hasSuffix("org.tepui.strict-priority does not start: \(text)"))
  }
}
