import MasterCore
import Resources
import Testing
import Wire

@Suite struct OfferConstraintTests {
  typealias Constraint = SchedulerAttributeConstraint
  let cluster = TestCluster()

  static func constraint(
    _ selector: Constraint.Selector.OneOf_Selector?, _ predicate: Constraint.Predicate.OneOf_Predicate?
  ) -> Constraint {
    .with {
      $0.selector.selector = selector
      $0.predicate.predicate = predicate
    }
  }

  static func constraints(_ groups: [[Constraint]], role: String = "a") -> SchedulerOfferConstraints {
    var constraints = SchedulerOfferConstraints()
    constraints.roleConstraints[role] = .with { terms in
      terms.groups = groups.map { group in .with { $0.attributeConstraints = group } }
    }
    return constraints
  }

  static func text(_ value: String) -> Constraint.Predicate.OneOf_Predicate { .textEquals(.with { $0.value = value }) }
  static func matches(_ regex: String) -> Constraint.Predicate.OneOf_Predicate {
    .textMatches(.with { $0.regex = regex })
  }
  static func rack(_ predicate: Constraint.Predicate.OneOf_Predicate?) -> Constraint {
    constraint(.attributeName("rack"), predicate)
  }
  static func inRack(_ rack: String) -> SchedulerOfferConstraints {
    constraints([[Self.rack(text(rack))]])
  }

  private func agents(_ framework: TestFramework) -> [String] { framework.offers.map(\.agentID.value).sorted() }

  private static let groups: [(group: [Constraint], expected: [Int])] = [
    ([rack(.exists(.init()))], [0, 1, 2]),
    ([rack(.notExists(.init()))], [3]),
    ([rack(text("r1"))], [0, 2]),
    ([rack(.textNotEquals(.with { $0.value = "r1" }))], [1, 2, 3]),
    ([rack(matches("r[2-9]"))], [1, 2]),
    ([rack(matches("r"))], [2]),
    ([rack(.textNotMatches(.with { $0.regex = "r." }))], [2, 3]),
    ([constraint(.pseudoattributeType(.hostname), text("h1"))], [1]),
    ([constraint(.pseudoattributeType(.hostname), .notExists(.init()))], []),
    ([constraint(.pseudoattributeType(.region), .exists(.init()))], [3]),
    ([constraint(.pseudoattributeType(.zone), text("z"))], [3]),
    ([constraint(.pseudoattributeType(.zone), .textNotEquals(.with { $0.value = "z" }))], [0, 1, 2]),
    ([rack(text("r1")), constraint(.pseudoattributeType(.hostname), matches("h[0-1]"))], [0]),
  ]

  @Test(arguments: groups) func aGroupHoldsWhereAllOfItsConstraintsDo(group: [Constraint], expected: [Int]) throws {
    // Agents may be in a region only if the master is, too.
    let cluster = TestCluster { configuration in
      configuration.domain = .with {
        $0.faultDomain.region.name = "r"
        $0.faultDomain.zone.name = "own"
      }
    }
    let racks = ["rack:r1;rack:r2", "rack:r2", "rack:7", ""]
    let ids = try racks.enumerated().map { index, attributes in
      let agent = try TestAgent(cluster, attributes: attributes, subscribes: false)
      agent.info.hostname = "h\(index)"
      if index == 3 {
        agent.info.domain.faultDomain.region.name = "r"
        agent.info.domain.faultDomain.zone.name = "z"
      }
      agent.subscribe()
      return agent.id
    }
    let framework = TestFramework(cluster, constraints: Self.constraints([group]))
    #expect(framework.errors == [])
    #expect(agents(framework) == expected.map { ids[$0] })
  }

  @Test func oneGroupOfSeveralIsEnoughAndOtherRolesAreFree() throws {
    let first = try TestAgent(cluster, attributes: "rack:r1")
    let second = try TestAgent(cluster, attributes: "rack:r2")
    let third = try TestAgent(cluster, attributes: "rack:r3")
    let rack = { (name: String) in Self.rack(Self.text(name)) }
    let framework = TestFramework(
      cluster, TestFramework.info(roles: ["a", "b"]), constraints: Self.constraints([[rack("r1")], [rack("r2")]]))
    let byRole = Dictionary(grouping: framework.offers, by: \.allocationInfo.role)
    let agentsOfA = Set((byRole["a"] ?? []).map(\.agentID.value))
    #expect(agentsOfA.isSubset(of: [first.id, second.id]))
    #expect((byRole["b"] ?? []).contains { $0.agentID.value == third.id })
  }

  private static let invalid = "Offer constraints are not valid: A role a has an invalid 'AttributeConstraint': "
  private static let bad: [(constraints: SchedulerOfferConstraints, problem: String)] = [
    (
      constraints([[rack(text("x"))]], role: "z"),
      "Offer constraints specify `role_constraints` for a role 'z'not contained in the set of roles"
    ),
    (
      constraints([]),
      "Offer constraints are not valid: 'OfferConstraints::role_constraints' has an empty 'RoleConstraints::groups' for "
        + "role a"
    ),
    (
      constraints([[]]),
      "Offer constraints are not valid: 'OfferConstraints::RoleConstraints::groups' for role acontains an empty "
        + "RoleConstraints::Group"
    ),
    (
      constraints([[constraint(nil, text("x"))]]),
      "\(invalid)Exactly one of 'AttributeConstraint::Selector::name' or "
        + "'AttributeConstraint::Selector::pseudoattribute_type' must be set"
    ),
    (
      constraints([[constraint(.pseudoattributeType(.unknown), text("x"))]]),
      "\(invalid)Unknown pseudoattribute type"
    ),
    (constraints([[rack(nil)]]), "\(invalid)Unknown predicate type"),
    (
      constraints([[rack(matches("("))]]),
      "\(invalid)Failed to construct regex from pattern '(': missing ): ("
    ),
    (
      constraints([[rack(matches(String(repeating: "x", count: 5000)))]]),
      "\(invalid)A regex of 5000 bytes is longer than 4096 bytes"
    ),
  ]

  @Test(arguments: bad) func badConstraintsAreRefusedAndNothingOfTheirCallHappens(
    constraints: SchedulerOfferConstraints, problem: String
  ) throws {
    #expect(TestFramework(cluster, constraints: constraints).errors == [problem])
    let framework = TestFramework(cluster)
    framework.info.name = "renamed"
    framework.constraints = constraints
    #expect(framework.update() == .init(status: 400, text: "'UpdateFramework' call is not valid: \(problem)"))
    #expect(cluster.core.snapshot().frameworks.map(\.info.name) == ["test"])
    #expect(cluster.core.snapshot().frameworks.map(\.offerConstraints) == [.init()])
  }

  @Test func theirNumberIsBounded() {
    let rack = Self.rack(Self.text("x"))
    let most = TestFramework(cluster, constraints: Self.constraints(Array(repeating: [rack, rack], count: 500)))
    #expect(most.errors == [])
    let many = TestFramework(cluster, constraints: Self.constraints([Array(repeating: rack, count: 1001)]))
    #expect(
      many.errors
        == ["Offer constraints are not valid: 1001 constraints are more than the 1000 that a framework may have"])
  }

  @Test func newConstraintsHoldFromTheNextOfferOn() throws {
    let first = try TestAgent(cluster, attributes: "rack:r1")
    let framework = TestFramework(cluster, constraints: Self.inRack("r2"))
    #expect(framework.offers.isEmpty)
    let second = try TestAgent(cluster, attributes: "rack:r2")
    #expect(agents(framework) == [second.id])
    framework.constraints = Self.inRack("r1")
    #expect(framework.update()?.status == 200)
    #expect(framework.rescinded.isEmpty)
    #expect(agents(framework) == [first.id, second.id])
    let offers = framework.offers
    framework.clear()
    framework.decline(offers, refuse: 0)
    cluster.pass(seconds: 2)
    #expect(Set(agents(framework)) == [first.id])
    framework.constraints = .init()
    framework.update()
    #expect(Set(agents(framework)) == [first.id, second.id])
  }

  @Test func anAgentThatChangesIsJudgedAnew() throws {
    let agent = try TestAgent(cluster, attributes: "rack:r1")
    let framework = TestFramework(cluster, constraints: Self.inRack("r2"))
    agent.disconnect()
    agent.info.attributes = try Attribute.parse("rack:r2").map { MesosAttribute($0) }
    agent.subscribe()
    #expect(agents(framework) == [agent.id])
    agent.disconnect()
    framework.clear()
    agent.info.attributes = []
    agent.subscribe()
    #expect(framework.offers.isEmpty)
  }

  @Test func anAgentInThePlaceOfARemovedOneIsJudgedByItself() throws {
    let old = try TestAgent(cluster, attributes: "rack:r1")
    let framework = TestFramework(cluster, constraints: Self.inRack("r2"))
    old.disconnect()
    cluster.pass(seconds: 601)
    let new = try TestAgent(cluster, attributes: "rack:r2")
    #expect(agents(framework) == [new.id])
    let free = TestFramework(cluster)
    let other = try TestAgent(cluster, attributes: "rack:r1")
    #expect(agents(free) == [other.id], "another framework in the same role is free of them")
  }

  @Test func aPolicyThatLooksAwayIsToldNo() throws {
    _ = try TestAgent(cluster, attributes: "rack:r1")
    cluster.policy.script = { view, sink in
      _ = sink.pointee.grant(sink.pointee.context, 0, view.pointee.active[0], nil)
      return .done
    }
    let framework = TestFramework(cluster, constraints: Self.inRack("r2"))
    // An agent that is for nobody is not even shown.
    #expect(cluster.core.metrics.grantsInvalid == 0)
    _ = TestFramework(cluster)
    #expect(framework.offers.isEmpty)
    #expect(cluster.core.metrics.grantsInvalid > 0)
  }

  @Test func whatTheyExcludeIsShown() throws {
    let agent = try TestAgent(cluster, attributes: "rack:r1")
    let framework = TestFramework(
      cluster, TestFramework.info(roles: ["a", "b"]), constraints: Self.inRack("r2"), suppressed: ["b"])
    #expect(
      cluster.core.offerConstraintsDebug
        == [
          "frameworks": .object([
            framework.id: [
              "suppressed_roles": ["b"],
              "excluded_by_attribute_constraints": ["a": [.text(agent.id)], "b": []],
            ]
          ])
        ])
    var json = JSONWriter()
    cluster.core.snapshot().writeFrameworks(to: &json)
    #expect(
      String(decoding: json.bytes, as: UTF8.self).contains(
        #""offer_constraints":{"role_constraints":{"a":{"groups":[{"attribute_constraints":"#
          + #"[{"selector":{"attribute_name":"rack"},"predicate":{"text_equals":{"value":"r2"}}}]}]}}}"#))
  }

  @Test func theyOutliveAFailoverOnlyWhenSentAgain() throws {
    _ = try TestAgent(cluster, attributes: "rack:r1")
    let framework = TestFramework(cluster, constraints: Self.inRack("r2"))
    framework.subscribe()
    #expect(framework.offers.isEmpty)
    framework.constraints = .init()
    framework.subscribe()
    #expect(framework.offers.count == 1)
  }
}
