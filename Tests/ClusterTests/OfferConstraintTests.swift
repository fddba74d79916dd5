import Testing
import Transport
import Wire

extension ClusterTests {
  /// Frameworks that say which agents they want offers of, over HTTP.
  @MainActor @Suite struct OfferConstraints {
    /// Groups of constraints as JSON, and the agents that they let through.
    private static let groups: [(json: String, agents: [Int])] = [
      (group(rack, #""text_equals": {"value": "r1"}"#), [0]),
      (group(rack, #""text_not_equals": {"value": "r1"}"#), [1]),
      (group(rack, #""text_matches": {"regex": "r[2-9]"}"#), [1]),
      (group(rack, #""text_not_matches": {"regex": "r[2-9]"}"#), [0]),
      (group(rack, #""exists": {}"#), [0, 1]),
      (group(#""attribute_name": "ssd""#, #""not_exists": {}"#), [1]),
      (group(pseudo("HOSTNAME"), #""text_equals": {"value": "h1"}"#), [1]),
      (group(pseudo("HOSTNAME"), #""text_matches": {"regex": "h0\\..*"}"#), [0]),
      (group(pseudo("REGION"), #""text_equals": {"value": "eu"}"#), [0, 1]),
      (group(pseudo("ZONE"), #""text_equals": {"value": "b"}"#), [1]),
      (group(pseudo("ZONE"), #""text_not_equals": {"value": "b"}"#), [0]),
      (
        group(rack, #""text_equals": {"value": "r1"}"#) + ","
          + group(pseudo("ZONE"), #""text_equals": {"value": "b"}"#), [0, 1]
      ),
      (
        #"{"attribute_constraints": [\#(constraint(rack, #""text_matches": {"regex": "r."}"#)), \#(constraint(pseudo("ZONE"), #""text_equals": {"value": "a"}"#))]}"#,
        [0]
      ),
    ]

    private static let rack = #""attribute_name": "rack""#
    private static func pseudo(_ type: String) -> String { #""pseudoattribute_type": "\#(type)""# }
    private static func constraint(_ selector: String, _ predicate: String) -> String {
      #"{"selector": {\#(selector)}, "predicate": {\#(predicate)}}"#
    }
    private static func group(_ selector: String, _ predicate: String) -> String {
      #"{"attribute_constraints": [\#(constraint(selector, predicate))]}"#
    }
    private static func constraints(_ groups: String) throws -> SchedulerOfferConstraints {
      let json = #"{"role_constraints": {"roleA": {"groups": [\#(groups)]}}}"#
      return try WireFormat.json.decode(SchedulerOfferConstraints.self, from: Array(json.utf8))
    }

    private static func domain(_ zone: String) -> String {
      #"--domain={"fault_domain":{"region":{"name":"eu"},"zone":{"name":"\#(zone)"}}}"#
    }

    /// A cluster whose two agents have little in common; their ids in order.
    private func withAgents(_ test: @MainActor (Cluster, [String]) async throws -> Void) async throws {
      try await Cluster.run(agents: [], flags: [Self.domain("a")]) { cluster in
        try await cluster.startAgent(
          "agent0", "cpus:1;mem:64", flags: ["--attributes=rack:r1;ssd:true", "--hostname=h0.local", Self.domain("a")])
        try await cluster.startAgent(
          "agent1", "cpus:1;mem:64", flags: ["--attributes=rack:r2", "--hostname=h1", Self.domain("b")])
        let slaves = String(buffer: try await cluster.get(cluster.master.endpoint, "/slaves").body)
        let ids = try ["h0.local", "h1"].map { host in
          let slave = slaves.split(separator: #"{"id":""#).first { $0.contains(#""hostname":"\#(host)""#) }
          return String(try #require(slave).prefix { $0 != "\"" })
        }
        try await test(cluster, ids)
      }
    }

    @Test func onlyAgentsThatFulfilThemAreOffered() async throws {
      try await withAgents { cluster, ids in
        for (index, (groups, agents)) in Self.groups.enumerated() {
          let framework = TestFramework(
            cluster, "f\(index)", role: "roleA", format: index.isMultiple(of: 2) ? .json : .protobuf)
          framework.constraints = try Self.constraints(groups)
          try await framework.subscribe()
          // What is free at one time is offered at one time, so the others would be there, too.
          try await framework.wait("offers of \(agents) by \(groups)") { $0.offers.count >= agents.count }
          #expect(framework.offers.map(\.agentID.value).sorted() == agents.map { ids[$0] }.sorted(), "\(groups)")
          try await framework.send(.teardown)
        }
      }
    }

    @Test func theyAreChangedAndShownAtRunTime() async throws {
      try await withAgents { cluster, ids in
        let framework = TestFramework(cluster, role: "roleA")
        framework.constraints = try Self.constraints(Self.groups[0].json)
        try await framework.subscribe()
        try await framework.wait("an offer") { !$0.offers.isEmpty }
        let update = { (constraints: SchedulerOfferConstraints) in
          try await framework.answer(to: .updateFramework) {
            $0.updateFramework.frameworkInfo = framework.info
            $0.updateFramework.offerConstraints = constraints
          }
        }
        let bad = try await update(try Self.constraints(Self.group(Self.rack, #""text_matches": {"regex": "("}"#)))
        #expect(bad.status == .badRequest)
        #expect(String(buffer: bad.body).contains("Failed to construct regex from pattern '('"))
        // Mesos has no such pseudoattribute, and a name that is unknown counts as none.
        let unknown = try await update(
          try Self.constraints(Self.group(Self.pseudo("AGENT_ID"), #""text_equals": {"value": "x"}"#)))
        #expect(unknown.status == .badRequest)

        #expect(try await update(try Self.constraints(Self.groups[1].json)).status == .ok)
        try await framework.decline()
        try await framework.wait("the other agent") { $0.offers.contains { $0.agentID.value == ids[1] } }
        #expect(framework.offers.allSatisfy { $0.agentID.value == ids[1] })
        let debug = try await cluster.get(cluster.master.endpoint, "/offer_constraints_debug")
        #expect(String(buffer: debug.body).contains(#""excluded_by_attribute_constraints":{"roleA":["\#(ids[0])"]}"#))
        let shown = try await cluster.post("/api/v1", #"{"type": "GET_FRAMEWORKS"}"#)
        #expect(shown.text.contains(#""text_not_equals":{"value":"r1"}"#))
      }
    }
  }
}
