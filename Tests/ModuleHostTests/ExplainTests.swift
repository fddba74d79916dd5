import Allocation
import ModuleHost
import Testing

/// What policies say of their order, over the master's real books.
@Suite struct ExplainTests {
  private let workspace = try! Workspace()

  /// The policy's reasons for the only role of a framework.
  private func reasons(_ framework: String, _ cluster: Cluster) throws -> [String: UInt64] {
    let id = try #require(cluster.frameworks[framework])
    let explanation = try #require(cluster.ledger.explain(framework: id, policy: cluster.policy, at: 1))
    return Dictionary(explanation.roles[0].policyReasons.map { ($0.text, $0.count) }, uniquingKeysWith: { $1 })
  }

  @Test func drfTellsSharesAndWhoIsFurtherBehind() throws {
    var cluster = try Cluster(module: "drf")
    try cluster.addAgents(10)
    cluster.addFramework("first", "dev")
    #expect(cluster.granted() == ["first": 10])
    cluster.addFramework("second", "dev")
    cluster.addFramework("third", "prod")
    #expect(
      try reasons("first", cluster) == [
        "claimants that are further behind, with their roles, and come first": 2,
        "its dominant share in thousandths, by its cpus": 1000, "the lowest share of another claimant": 0,
        "the share of role dev, divided by its weight": 1000,
      ])
    #expect(
      try reasons("third", cluster) == [
        "claimants that are further behind, with their roles, and come first": 0,
        "its dominant share in thousandths": 0,
        "the lowest share of another claimant": 0, "the share of role prod, divided by its weight": 0,
      ])
  }

  @Test func strictPriorityTellsWhoIsAbove() throws {
    var cluster = try Cluster(module: "strict-priority", parameters: #"{"priorities": "prod=100,dev=-5"}"#)
    cluster.addFramework("dev1", "dev")
    cluster.addFramework("dev2", "dev")
    cluster.addFramework("prod", "prod/web")
    #expect(
      try reasons("dev2", cluster) == [
        "claimants with a higher priority than its -5": 1, "claimants of the same priority that came before it": 1,
      ])
    #expect(try reasons("prod", cluster)["claimants with a higher priority than its 100"] == 0)
  }

  @Test func binPackTellsWhoseTurnItIsAndWhatItLooksAt() throws {
    var cluster = try Cluster(module: "binpack")
    try cluster.addAgents(3)
    for name in ["f1", "f2", "f3"] { cluster.addFramework(name, "dev") }
    #expect(cluster.granted() == ["f1": 1])
    #expect(
      try reasons("f1", cluster) == [
        "claimants whose turn is before it": 2, "agents in use with something free that it may have": 0,
        "agents in use by nobody that it may have once no place is left on the others": 2,
      ])
    #expect(try reasons("f2", cluster)["claimants whose turn is before it"] == 0)
  }

  @Test(arguments: ["drf", "strict-priority", "binpack", "lua"])
  func askingDoesNotChangeWhatIsGranted(policy: String) throws {
    var clusters = try (0..<2).map { _ in try Cluster(module: policy) }
    for index in clusters.indices {
      for name in ["f1", "f2", "f3"] { clusters[index].addFramework(name, name) }
      for _ in 0..<5 {
        try clusters[index].addAgents(4)
        _ = clusters[index].cycle()
        if index == 1 { for name in ["f1", "f2", "f3"] { _ = try reasons(name, clusters[index]) } }
      }
    }
    try clusters[0].addAgents(7)
    try clusters[1].addAgents(7)
    #expect(
      clusters[0].cycle().grants.map { [$0.agent, $0.claimant] }
        == clusters[1].cycle().grants.map { [$0.agent, $0.claimant] })
  }

  // MARK: Hostile answers

  private func fixture(_ behaviour: String) throws -> (Cluster, ModuleHost) {
    try workspace.build("allocator", as: "libfixture.so")
    let host = try workspace.host(
      """
      {"libraries": [{"name": "fixture", "modules": [
         {"name": "org.example.fixture", "parameters": {"behaviour": "\(behaviour)"}}]}],
       "allocator": "org.example.fixture"}
      """)
    var cluster = Cluster(policy: try host.loadAllocator(named: nil))
    try cluster.addAgents(1)
    cluster.addFramework("f1", "dev")
    return (cluster, host)
  }

  @Test func onlyWordsAreTakenAndTheRestIsCounted() throws {
    let (cluster, host) = try fixture("explain wildly")
    #expect(try reasons("f1", cluster) == ["its number": 0, "more than anybody can count": .max])
    #expect(host.modules[0].statistics.refusals == 6)
  }

  @Test func reasonsAreBounded() throws {
    let (cluster, _) = try fixture("explain much")
    let explanation = cluster.ledger.explain(framework: cluster.frameworks["f1"] ?? 0, policy: cluster.policy, at: 1)
    #expect(explanation?.roles[0].policyReasons.count == 32)
  }

  @Test func aFailureIsToldAfterTheReasons() throws {
    let (cluster, host) = try fixture("explain not")
    #expect(try reasons("f1", cluster) == ["its number": 0, "could not explain: out of words": 0])
    #expect(host.modules[0].statistics.failures == 1)
  }

  @Test func aSinkThatWasKeptIsShut() throws {
    var (cluster, _) = try fixture("first")
    #expect(try reasons("f1", cluster) == ["its number": 0])
    #expect(cluster.granted() == ["f1": 1])
    #expect(try reasons("f1", cluster) == ["its number": 0])
  }
}
