import Resources
import Testing

@Suite struct ResourcesTests {
  let offer: Resources = [
    .scalar("cpus", 8), .scalar("mem", 8192), Resource("ports", .ranges(Ranges([31000...32000]))),
  ]

  @Test func sumsOfTheSameThingMelt() {
    let sum = offer + [.scalar("cpus", 0.5)]
    #expect(sum.elements.count == 3)
    #expect(sum.total(of: "cpus") == Quantity(8.5))
  }

  @Test func differentReservationsAndRolesStayApart() {
    var reserved = Resource.scalar("cpus", 1)
    reserved.reservations = [Reservation(.static, role: "a")]
    var allocated = Resource.scalar("cpus", 1)
    allocated.allocationRole = "a"
    let all: Resources = [.scalar("cpus", 1), reserved, allocated]
    #expect(all.elements.count == 3)
    #expect(all.total(of: "cpus") == Quantity(3))
    #expect(all.reserved(for: "a") == [reserved])
    #expect(!all.unreserved.contains([reserved]))
  }

  @Test func nothingOfAThingIsNoElement() {
    #expect(Resources([.scalar("gpus", 0), Resource("ports", .ranges(Ranges()))]).isEmpty)
    #expect((offer - offer).isEmpty)
  }

  @Test func subtractionNeverLeavesNegativeAmounts() {
    #expect((offer - [.scalar("cpus", 9), .scalar("gpus", 1)]).total(of: "cpus") == .zero)
  }

  @Test func aNegativeAmountNeitherAddsNorTakes() {
    let negative = [Resource.scalar("cpus", -1)]
    var resources = offer
    resources += Resources(negative)
    resources -= Resources(negative)
    #expect(resources == offer)
  }

  @Test func persistentVolumesDoNotMelt() {
    let disk = Disk(persistence: .init(id: "v"))
    let volume = Resource("disk", .scalar(Quantity(64)), reservations: [Reservation(.dynamic, role: "a")], disk: disk)
    let two: Resources = [volume, volume]
    #expect(two.elements.count == 2)
    #expect(!Resources([volume]).contains(two))
    #expect(two - [volume] == [volume])
    var half = volume
    half.value = .scalar(Quantity(32))
    #expect(!two.contains([half]))
  }

  @Test func aReservationOfARoleAboveIsUsable() {
    let reserved = Resource("cpus", .scalar(Quantity(1)), reservations: [Reservation(.static, role: "eng")])
    #expect(reserved.isUsable(by: "eng"))
    #expect(reserved.isUsable(by: "eng/batch"))
    #expect(!reserved.isUsable(by: "engine"))
    #expect(!reserved.isUsable(by: "*"))
  }

  @Test func allocationRoundTrips() {
    #expect(offer.allocated(to: "a").unallocated() == offer)
    #expect(offer.allocated(to: "a").allocationRoles == ["a"])
    #expect(!offer.allocated(to: "a").contains(offer))
  }

  @Test func textsAreThoseOfMesos() {
    #expect(
      "\(offer.allocated(to: "roleA"))"
        == "cpus(allocated: roleA):8; mem(allocated: roleA):8192; ports(allocated: roleA):[31000-32000]")
    let reserved = Resource("cpus", .scalar(Quantity(1.5)), reservations: [Reservation(.dynamic, role: "a")])
    #expect("\(reserved)" == "cpus(reservations: [(DYNAMIC,a)]):1.5")
    #expect("\(Resources())" == "{}")
  }

  @Test(arguments: [
    (Resource.scalar("", 1), "Resource ':1' is invalid: Empty resource name"),
    (Resource.scalar("cpus", -1), "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0"),
    (
      Resource("cpus", .scalar(Quantity(1)), disk: Disk()),
      "Resource 'cpus[]:1' is invalid: DiskInfo should not be set for cpus resource"
    ),
    (
      Resource("cpus", .scalar(Quantity(1)), reservations: [Reservation(.static, role: "a b")]),
      "Resource 'cpus(reservations: [(STATIC,a b)]):1' is invalid: Role component 'a b' is invalid because it contains "
        + "backspace or whitespace"
    ),
  ])
  func invalidResourcesAreNamed(resource: Resource, message: String) {
    #expect(throws: ResourceError(message)) { try resource.validate() }
  }

  @Test func refinedReservationsMustNarrow() {
    var resource = Resource.scalar("cpus", 1)
    resource.reservations = [Reservation(.static, role: "a"), Reservation(.dynamic, role: "a/b")]
    #expect(throws: Never.self) { try resource.validate() }
    resource.reservations = [Reservation(.static, role: "a"), Reservation(.dynamic, role: "b")]
    #expect(throws: ResourceError.self) { try resource.validate() }
    resource.reservations = [Reservation(.static, role: "a"), Reservation(.static, role: "a/b")]
    #expect(throws: ResourceError.self) { try resource.validate() }
  }
}
