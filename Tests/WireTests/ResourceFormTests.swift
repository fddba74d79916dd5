import Resources
import Testing
import Wire

@Suite struct ResourceFormTests {
  static let samples: [Resource] = [
    .scalar("cpus", 1.5),
    Resource("ports", .ranges(Ranges([31000...31010, 31020...32000])), allocationRole: "a"),
    Resource("zones", .set(["x", "y"])),
    Resource("mem", .scalar(Quantity(64)), reservations: [Reservation(.static, role: "a")]),
    Resource(
      "mem", .scalar(Quantity(64)),
      reservations: [
        Reservation(.dynamic, role: "a", principal: "p", labels: [Label(key: "k", value: "v"), Label(key: "only")])
      ]),
    Resource("cpus", .scalar(Quantity(1)), isRevocable: true, providerID: "provider"),
    Resource(
      "disk", .scalar(Quantity(64)), reservations: [Reservation(.dynamic, role: "a")],
      disk: Disk(
        persistence: .init(id: "v", principal: "p"), volume: .init(containerPath: "data", isReadOnly: true),
        source: .init(.mount, root: "/mnt", id: "d", metadata: [Label(key: "k")])), isShared: true),
  ]

  @Test(arguments: samples, [ReservationFormat.single, .stack, .both])
  func everyFormReadsBackTheSame(resource: Resource, format: ReservationFormat) throws {
    #expect(try Resource(wire: MesosResource(resource, format)) == resource)
  }

  @Test func theFormsDifferInTheFieldsThatTheySet() {
    let reserved = Resource("cpus", .scalar(Quantity(1)), reservations: [Reservation(.dynamic, role: "a")])
    let single = MesosResource(reserved, .single)
    #expect(single.role == "a" && single.hasReservation && single.reservations.isEmpty)
    let stack = MesosResource(reserved, .stack)
    #expect(!stack.hasRole && !stack.hasReservation && stack.reservations.count == 1)
    let both = MesosResource(reserved, .both)
    #expect(both.role == "a" && both.hasReservation && both.reservations.count == 1)
    #expect(MesosResource(.scalar("cpus", 1), .single).role == "*")
    #expect(!MesosResource(.scalar("cpus", 1), .stack).hasRole)
  }

  @Test func aRefinedReservationKeepsItsStackInEveryForm() throws {
    let refined = Resource(
      "cpus", .scalar(Quantity(1)), reservations: [Reservation(.static, role: "a"), Reservation(.dynamic, role: "a/b")])
    for format in [ReservationFormat.single, .stack, .both] {
      #expect(try Resource(wire: MesosResource(refined, format)) == refined)
    }
  }

  @Test(arguments: [
    (-1.0, "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0"),
    (0.0004, "Resource 'cpus:0' is invalid: Invalid scalar resource: value <= 0"),
    (.nan, "Resource 'cpus:nan' is invalid: Invalid scalar resource: value is not a number"),
    (0x1p63, "Resource 'cpus:9.223372036854776e+18' is invalid: Invalid scalar resource: value > 9007199254740.992"),
    (.infinity, "Resource 'cpus:inf' is invalid: Invalid scalar resource: value > 9007199254740.992"),
  ])
  func badAmountsAreNamedAsInMesos(amount: Double, message: String) {
    var resource = MesosResource(.scalar("cpus", 1), .stack)
    resource.scalar.value = amount
    #expect(throws: ResourceError(message)) { try Resource(wire: resource) }
  }

  @Test(
    arguments: [
      ([(5, 1)], "Invalid ranges resource: begin > end"),
      ([(1, 5), (3, 7)], "Invalid ranges resource: overlapping ranges"),
    ] as [([(UInt64, UInt64)], String)])
  func badRangesAreRefused(ranges: [(UInt64, UInt64)], message: String) {
    var resource = MesosResource()
    resource.name = "ports"
    resource.type = .ranges
    resource.ranges.range = ranges.map { begin, end in
      var range = MesosValue.Range()
      range.begin = begin
      range.end = end
      return range
    }
    #expect(throws: ResourceError("Resource 'ports' is invalid: \(message)")) { try Resource(wire: resource) }
  }

  @Test func contradictionsAreRefused() {
    var doubled = MesosResource()
    doubled.name = "zones"
    doubled.type = .set
    doubled.set.item = ["a", "a"]
    var text = MesosResource()
    text.name = "rack"
    text.type = .text
    var mixed = MesosResource(.scalar("cpus", 1), .stack)
    mixed.ranges = MesosValue.Ranges()
    var twoForms = MesosResource(
      Resource("cpus", .scalar(Quantity(1)), reservations: [Reservation(.dynamic, role: "a")]), .stack)
    twoForms.role = "b"
    var untyped = twoForms
    untyped.clearRole()
    untyped.reservations[0].clearType()
    for bad in [doubled, text, mixed, twoForms, untyped] {
      #expect(throws: ResourceError.self) { try Resource(wire: bad) }
    }
  }

  @Test func attributesReadBackTheSame() throws {
    for attribute in try Attribute.parse("rack:r1;gen:2;ids:[1-5, 7-9]") {
      #expect(try Attribute(wire: MesosAttribute(attribute)) == attribute)
    }
  }
}
