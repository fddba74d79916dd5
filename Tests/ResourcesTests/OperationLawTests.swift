import Resources
import Testing

/// What an operation may do to resources: change what they are, never how much there is.
@Suite struct OperationLawTests {
  private static func stack(_ generator: inout SeededGenerator) -> [Reservation] {
    [
      [], [Reservation(.static, role: "a")], [Reservation(.dynamic, role: "a")],
      [Reservation(.static, role: "a"), Reservation(.dynamic, role: "a/b", principal: "p")],
    ].randomElement(using: &generator) ?? []
  }

  /// Cpus, ports and disks on the ROOT, a PATH and a MOUNT, some of them reserved.
  private static func agent(_ generator: inout SeededGenerator) -> Resources {
    var all = Resources()
    for _ in 0..<Int.random(in: 1...6, using: &generator) {
      let amount = Value.scalar(Quantity(thousandths: Int64.random(in: 1...900_000, using: &generator)))
      let reservations = stack(&generator)
      switch Int.random(in: 0..<5, using: &generator) {
      // The same port twice would be one port.
      case 0 where all.ranges(of: "ports").isEmpty:
        all += Resources(Resource("ports", .ranges(generator.ranges()), reservations: reservations))
      case 1: all += Resources(Resource("disk", amount, reservations: reservations))
      case 2:
        let disk = Disk(source: .init(.path, root: "/p"))
        all += Resources(Resource("disk", amount, reservations: reservations, disk: disk))
      case 3:
        let disk = Disk(source: .init(.mount, root: "/m\(Int.random(in: 0..<100, using: &generator))"))
        all += Resources(Resource("disk", amount, reservations: reservations, disk: disk))
      default: all += Resources(Resource("cpus", amount, reservations: reservations))
      }
    }
    return all
  }

  private static func total(_ resources: Resources) -> [String: Quantity] {
    Dictionary(uniqueKeysWithValues: resources.scalarTotals.map { ($0.name, $0.total) })
  }

  private static func requireSameAmounts(_ left: Resources, _ right: Resources) {
    #expect(total(left) == total(right))
    #expect(left.ranges(of: "ports") == right.ranges(of: "ports"))
  }

  @Test(arguments: UInt64(1)...300) func reserveThenUnreserveIsTheIdentity(seed: UInt64) throws {
    var generator = SeededGenerator(state: seed)
    let agent = Self.agent(&generator)
    let chosen = agent.filter { _ in Bool.random(using: &generator) }
    let reserved = chosen.map { resource in
      var resource = resource
      let role = resource.reservationRole.map { "\($0)/c" } ?? "c"
      resource.reservations.append(Reservation(.dynamic, role: role))
      return resource
    }
    guard !reserved.isEmpty else { return }
    let reserve = ResourceOperation.reserve(reserved)
    let unreserve = ResourceOperation.unreserve(reserved)
    try reserve.validate(by: .operator(principal: nil), agent: agent, used: Resources())
    try unreserve.validate(by: .operator(principal: nil), agent: agent, used: Resources())
    let after = try agent.applying(reserve.conversions)
    Self.requireSameAmounts(agent, after)
    #expect(after.contains(Resources(reserved)))
    #expect(try after.applying(unreserve.conversions) == agent)
  }

  @Test(arguments: UInt64(1)...300) func createThenDestroyIsTheIdentity(seed: UInt64) throws {
    var generator = SeededGenerator(state: seed)
    let agent = Self.agent(&generator)
    let volumes = agent.filter { $0.name == "disk" && !$0.reservations.isEmpty }.enumerated().map { index, disk in
      var volume = disk
      volume.disk = Disk(
        persistence: .init(id: "v\(index)"), volume: .init(containerPath: "data"), source: disk.disk?.source)
      volume.isShared = index % 2 == 0
      return volume
    }
    guard !volumes.isEmpty else { return }
    let create = ResourceOperation.create(volumes)
    try create.validate(by: .operator(principal: nil), agent: agent, used: Resources())
    let after = try agent.applying(create.conversions)
    Self.requireSameAmounts(agent, after)
    #expect(after.persistentVolumes == Resources(volumes))
    // What operations made is found again by an agent that starts with what it had at first.
    let origin = Resources(agent.map(\.beforeOperations))
    #expect(try origin.restoring(after.madeByOperations) == after)
    let destroy = ResourceOperation.destroy(volumes)
    try destroy.validate(by: .operator(principal: nil), agent: after, used: Resources())
    #expect(throws: ResourceError("Persistent volumes in use")) {
      try destroy.validate(by: .operator(principal: nil), agent: after, used: Resources(volumes))
    }
    #expect(try after.applying(destroy.conversions) == agent)
  }

  @Test(arguments: UInt64(1)...200) func growThenShrinkIsTheIdentity(seed: UInt64) throws {
    var generator = SeededGenerator(state: seed)
    let reservations = [Reservation(.dynamic, role: "a")]
    func disk(_ thousandths: Int64) -> Resource {
      Resource("disk", .scalar(Quantity(thousandths: thousandths)), reservations: reservations)
    }
    let (size, addition) = (
      Int64.random(in: 1...1 << 40, using: &generator), Int64.random(in: 1...1 << 40, using: &generator)
    )
    var volume = disk(size)
    volume.disk = Disk(persistence: .init(id: "v"), volume: .init(containerPath: "data"))
    let agent = Resources(volume) + Resources(disk(addition)) + Self.agent(&generator)
    let grow = ResourceOperation.growVolume(volume, addition: disk(addition))
    try grow.validate(by: .operator(principal: nil), agent: agent, used: Resources())
    let grown = try agent.applying(grow.conversions)
    Self.requireSameAmounts(agent, grown)
    volume.value = .scalar(Quantity(thousandths: size + addition))
    let shrink = ResourceOperation.shrinkVolume(volume, subtract: Quantity(thousandths: addition))
    try shrink.validate(by: .operator(principal: nil), agent: grown, used: Resources())
    #expect(try grown.applying(shrink.conversions) == agent)
  }

  @Test(arguments: UInt64(1)...300) func whatIsMissingIsNamedAndNothingChanges(seed: UInt64) throws {
    var generator = SeededGenerator(state: seed)
    let (have, wanted) = (generator.resources(), generator.resources())
    #expect(have.missing(of: wanted).isEmpty == have.contains(wanted))
    let conversion = Conversion(wanted, to: [])
    if have.contains(wanted) {
      #expect(try have.applying(conversion) + wanted == have)
    } else {
      #expect(throws: ResourceError("\(have) does not contain \(wanted)")) { try have.applying(conversion) }
    }
  }

  @Test func aSharedVolumeGoesOnlyWithItsLastCopy() throws {
    var volume = Resource("disk", .scalar(Quantity(10)), reservations: [Reservation(.dynamic, role: "a")])
    volume.disk = Disk(persistence: .init(id: "v"), volume: .init(containerPath: "data"))
    volume.isShared = true
    let destroy = ResourceOperation.destroy([volume])
    #expect(throws: ResourceError.self) { try Resources([volume, volume]).applying(destroy.conversions) }
    #expect(try Resources(volume).applying(destroy.conversions).total(of: "disk") == Quantity(10))
  }

  @Test func aReservationIsReplacedByWayOfItsSource() throws {
    func cpus(_ role: String) -> Resource {
      Resource("cpus", .scalar(Quantity(2)), reservations: [Reservation(.dynamic, role: role)])
    }
    let operation = ResourceOperation.reserve([cpus("b")], source: [cpus("a")])
    try operation.validate(by: .operator(principal: nil), agent: [cpus("a")], used: Resources())
    #expect(try Resources(cpus("a")).applying(operation.conversions) == [cpus("b")])
    let unequal = ResourceOperation.reserve([cpus("b")], source: [.scalar("cpus", 3)])
    #expect(throws: ResourceError.self) {
      try unequal.validate(by: .operator(principal: nil), agent: [], used: Resources())
    }
  }

  @Test func anAgentThatLostWhatWasReservedSaysWhatIsMissing() {
    let made: Resources = [
      Resource("cpus", .scalar(Quantity(4)), reservations: [Reservation(.dynamic, role: "a")])
    ]
    #expect(throws: ResourceError("Incompatible agent resources: cpus:2 does not contain cpus:4")) {
      try Resources(.scalar("cpus", 2)).restoring(made)
    }
  }
}
