import MasterCore
import Resources
import Testing
import Wire

/// Who is offered what, what breaks through a refusal, and what nonsense in calls leaves untouched.
@Suite struct OfferSemanticsTests {
  let cluster = TestCluster()

  private func resources(_ offers: [MesosOffer]) throws -> Resources {
    try offers.reduce(into: Resources()) { $0 += try Resources(wire: $1.resources).unallocated() }
  }

  private func ports(_ range: ClosedRange<UInt64>) -> Resource { Resource("ports", .ranges(Ranges([range]))) }

  private func reserve(_ amount: Double, on agent: TestAgent) -> TestCluster.Answer? {
    cluster.call(.reserveResources) { call in
      call.reserveResources.agentID = agent.info.id
      call.reserveResources.resources = [MesosResource(OperationTests.reserved("cpus", amount), .stack)]
    }
  }

  // MARK: Refusals

  @Test func onePortMoreThanWasRefusedBreaksThrough() throws {
    let agent = try TestAgent(cluster, resources: "cpus:4;mem:4096;ports:[31000-31009]")
    let framework = TestFramework(cluster)
    var task = framework.task("t", on: agent.id)
    task.resources = Resources([ports(31000...31000)]).wire(.stack)
    framework.launch(framework.offers.map(\.id.value), [task], refuse: 1000)
    #expect(agent.launched == ["t"])
    framework.clear()
    cluster.pass(seconds: 5)
    #expect(framework.offers.isEmpty)
    agent.update("t", of: framework, .taskFinished)
    #expect(try resources(framework.offers).ranges(of: "ports") == Ranges([31000...31009]))
  }

  @Test func theSameAmountsReservedAreMoreThanWasRefused() throws {
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    framework.decline(framework.offers, refuse: 1000)
    framework.clear()
    #expect(reserve(1, on: agent)?.status == 202)
    cluster.pass(seconds: 2)
    #expect(try resources(framework.offers).reserved(for: "a").total(of: "cpus") == Quantity(1))
  }

  @Test func reviveForOneRoleLeavesTheRefusalsOfOthers() throws {
    _ = try TestAgent(cluster)
    let framework = TestFramework(cluster, TestFramework.info(roles: ["a", "b"]))
    for _ in 0..<2 {
      let offers = framework.offers
      framework.clear()
      framework.decline(offers, refuse: 1000)
    }
    cluster.pass(seconds: 2)
    #expect(framework.offers.isEmpty)
    framework.call(.revive) { $0.revive.roles = ["b"] }
    #expect(framework.offers.map(\.allocationInfo.role) == ["b"])
  }

  @Test func aCallThatNamesARoleOfOthersDoesNothing() throws {
    let framework = TestFramework(cluster)
    #expect(framework.call(.suppress) { $0.suppress.roles = ["a", "z"] }?.status == 202)
    _ = try TestAgent(cluster)
    #expect(framework.offers.count == 1)
    let suppressed = TestFramework(cluster, suppressed: ["a"])
    suppressed.call(.revive) { $0.revive.roles = ["a", "z"] }
    _ = try TestAgent(cluster)
    #expect(suppressed.offers.isEmpty)
  }

  @Test func requestIsTakenAndChangesNothing() throws {
    _ = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    let count = framework.events.count
    #expect(framework.call(.request) { $0.request = .init() } == .init(status: 202, text: ""))
    #expect(framework.events.count == count)
  }

  // MARK: Kinds of resources

  @Test func revocableResourcesAreForThoseWhoTakeThem() throws {
    cluster.policy.script = TestPolicy.exhaustive
    let agent = try TestAgent(cluster, resources: "cpus:4;mem:4096", subscribes: false)
    let revocable = Resource("cpus", .scalar(Quantity(2)), isRevocable: true)
    agent.info.resources.append(MesosResource(revocable, .stack))
    agent.subscribe()
    let plain = TestFramework(cluster)
    #expect(try resources(plain.offers) == [.scalar("cpus", 4), .scalar("mem", 4096)])
    let taking = TestFramework(
      cluster, TestFramework.info([.multiRole, .reservationRefinement, .revocableResources]))
    plain.decline(plain.offers, refuse: 0)
    plain.call(.teardown)
    taking.decline(taking.offers, refuse: 0)
    let offer = try #require(taking.offers.last)
    #expect(try Resources(wire: offer.resources).unallocated().contains([revocable, .scalar("cpus", 4)]))
    var task = taking.task("mixed", on: agent.id)
    task.resources.append(MesosResource(revocable, .stack))
    taking.launch([offer.id.value], [task])
    #expect(
      taking.updates.map(\.message) == [
        "Task mixes revocable and non-revocable resources: Cannot use both revocable and non-revocable 'cpus' at the "
          + "same time"
      ])
    task = taking.task("pure", on: agent.id)
    task.resources = [MesosResource(revocable, .stack)]
    taking.launch([try #require(taking.offers.last).id.value], [task])
    #expect(agent.launched == ["pure"])
  }

  @Test func portsAreGivenAndComeBackOneByOne() throws {
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    var task = framework.task("t", on: agent.id)
    task.resources += Resources([ports(31005...31010)]).wire(.stack)
    framework.launch(framework.offers.map(\.id.value), [task])
    let rest = Ranges([31000...31004, 31011...32000])
    #expect(try resources([try #require(framework.offers.last)]).ranges(of: "ports") == rest)
    var second = framework.task("again", on: agent.id)
    second.resources += Resources([ports(31010...31011)]).wire(.stack)
    framework.launch([try #require(framework.offers.last).id.value], [second])
    #expect(framework.updates.last?.message.contains("is more than available") ?? false)
    agent.update("t", of: framework, .taskFinished)
    framework.decline(framework.offers, refuse: 0)
    #expect(
      try resources([try #require(framework.offers.last)]).ranges(of: "ports") == Ranges([31000...32000]))
  }

  // MARK: Reservations

  @Test func aReservationIsForItsRoleAndAllBelow() throws {
    cluster.policy.script = TestPolicy.exhaustive
    let agent = try TestAgent(cluster, resources: "cpus(eng):2;mem(eng):1024;cpus:1;mem:512")
    let others = TestFramework(cluster, TestFramework.info(roles: ["ops", "engine"]))
    let below = TestFramework(cluster, TestFramework.info(roles: ["eng/batch"]))
    #expect(try resources(others.offers).reserved.isEmpty)
    #expect(try resources(below.offers).reserved(for: "eng").total(of: "cpus") == Quantity(2))
    var task = below.task("t", on: agent.id)
    task.resources = [
      MesosResource(
        Resource("cpus", .scalar(Quantity(1)), reservations: [Reservation(.static, role: "eng")]), .stack)
    ]
    below.launch([try #require(below.offers.last).id.value], [task])
    #expect(agent.launched == ["t"])
  }

  @Test func reservationsArePushedAndPopped() throws {
    let agent = try TestAgent(cluster, resources: "cpus(eng):2;mem:1024")
    let framework = TestFramework(cluster, TestFramework.info(roles: ["eng/batch"]))
    let plain = Resource("cpus", .scalar(Quantity(2)), reservations: [Reservation(.static, role: "eng")])
    var refined = plain
    refined.reservations.append(Reservation(.dynamic, role: "eng/batch"))
    try accept(framework, .reserve([refined]))
    #expect(try resources([try #require(framework.offers.last)]).contains(Resources(refined)))
    framework.disconnect()
    let above = TestFramework(cluster, TestFramework.info(roles: ["eng"]))
    #expect(try resources(above.offers).reserved.isEmpty, "not for the role above")
    above.call(.teardown)
    let old = TestFramework(cluster, TestFramework.info([.multiRole], roles: ["eng/batch"]))
    #expect(try resources(old.offers).reserved.isEmpty, "not for who cannot read it")
    old.call(.teardown)
    framework.subscribe()
    try accept(framework, .unreserve([refined]))
    #expect(try resources([try #require(framework.offers.last)]).contains(Resources(plain)))
    #expect(cluster.core.snapshot().agents.first?.total.contains(Resources(plain)) ?? false)
    #expect(agent.events.count { if case .applyOperation? = $0.event { true } else { false } } == 2)
  }

  private func accept(_ framework: TestFramework, _ operation: ResourceOperation) throws {
    let offer = try #require(framework.offers.last)
    framework.call(.accept) { call in
      call.accept.offerIds = [offer.id]
      call.accept.operations = [OperationTests.message(operation)]
      call.accept.filters.refuseSeconds = 0
    }
  }

  // MARK: Nonsense

  private static let badAmounts: [Double] = [-1, .nan, .infinity, -.infinity, 0x1p63, 1e300, 0.0004, -0.0004]

  @Test(arguments: badAmounts) func anImpossibleAmountIsATaskErrorAndHoldsNothing(amount: Double) throws {
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    let before = try resources(framework.offers)
    var task = framework.task("t", on: agent.id)
    task.resources[0].scalar.value = amount
    framework.launch(framework.offers.map(\.id.value), [task])
    #expect(framework.updates.map(\.state) == [.taskError])
    #expect(framework.updates.first?.message.contains("Invalid scalar resource: value") ?? false)
    #expect(try resources([try #require(framework.offers.last)]) == before)
  }

  @Test(arguments: badAmounts) func anImpossibleAmountIsAnErrorOfItsOperation(amount: Double) throws {
    let setting = try OperationTests.Setting()
    var message = OperationTests.message(.reserve([OperationTests.reserved("cpus", 1)]), id: "op")
    message.reserve.resources[0].scalar.value = amount
    let before = try resources([try #require(setting.offer)])
    try setting.accept([message])
    #expect(setting.statuses.map(\.state) == [.operationError])
    #expect(
      setting.statuses.first?.message.hasPrefix("Operation attempted with invalid resources: ") ?? false,
      "\(setting.statuses.first?.message ?? "")")
    #expect(setting.applied.isEmpty)
    #expect(try resources([try #require(setting.offer)]) == before)
  }

  @Test(
    arguments: [
      ([(31001, 31000)], "Invalid ranges resource: begin > end"),
      ([(31000, 31005), (31005, 31010)], "Invalid ranges resource: overlapping ranges"),
      ([(0, UInt64.max)], "is more than available"),
      ([(0, UInt64.max), (UInt64.max, UInt64.max)], "Invalid ranges resource: overlapping ranges"),
    ] as [([(UInt64, UInt64)], String)])
  func impossibleRangesAreATaskError(ranges: [(UInt64, UInt64)], problem: String) throws {
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    var task = framework.task("t", on: agent.id)
    task.resources.append(
      .with { resource in
        resource.name = "ports"
        resource.type = .ranges
        resource.ranges.range = ranges.map { range in
          .with {
            $0.begin = range.0
            $0.end = range.1
          }
        }
      })
    framework.launch(framework.offers.map(\.id.value), [task])
    #expect(framework.updates.map(\.state) == [.taskError])
    #expect(framework.updates.first?.message.contains(problem) ?? false, "\(framework.updates.first?.message ?? "")")
    #expect(agent.launched.isEmpty)
  }

  @Test(arguments: ["", "*", "a//b", "/a", "a/", "a/..", "-a", "a b", "a/*"])
  func aReservationForNoRoleIsAnError(role: String) throws {
    let setting = try OperationTests.Setting()
    try setting.accept([
      OperationTests.message(.reserve([OperationTests.reserved("cpus", 1, role: role)]), id: "op")
    ])
    #expect(setting.statuses.map(\.state) == [.operationError])
    #expect(setting.applied.isEmpty)
    #expect(try resources([try #require(setting.offer)]).reserved.isEmpty)
  }
}
