import Resources
import Testing

/// SplitMix64: small, seeded, the same on every machine.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

extension SeededGenerator {
  mutating func ranges() -> Ranges {
    Ranges((0..<Int.random(in: 0...4, using: &self)).map { _ in interval() })
  }

  private mutating func interval() -> ClosedRange<UInt64> {
    // Now and then at the very end of the number line, where a careless +1 traps.
    let base: UInt64 = Int.random(in: 0..<10, using: &self) == 0 ? .max - 30 : 0
    let begin = base + UInt64.random(in: 0...20, using: &self)
    return begin...(begin + UInt64.random(in: 0...10, using: &self))
  }

  mutating func resource() -> Resource {
    let role = ["a", "b", nil].randomElement(using: &self) ?? nil
    let reservations = role.map { [Reservation(.static, role: $0)] } ?? []
    let allocation = ["a", nil].randomElement(using: &self) ?? nil
    let amount = Quantity(thousandths: Int64.random(in: 0...9000, using: &self))
    switch Int.random(in: 0..<5, using: &self) {
    case 0: return Resource("ports", .ranges(ranges()), reservations: reservations, allocationRole: allocation)
    case 1:
      let items = Set(["x", "y", "z"].filter { _ in Bool.random(using: &self) })
      return Resource("zones", .set(items), reservations: reservations, allocationRole: allocation)
    case 2:
      let volume = Disk(persistence: .init(id: ["v", "w"].randomElement(using: &self) ?? "v"))
      return Resource("disk", .scalar(Quantity(64)), reservations: [Reservation(.static, role: "a")], disk: volume)
    case 3: return Resource("cpus", .scalar(amount), reservations: reservations, allocationRole: allocation)
    default: return Resource("mem", .scalar(amount), reservations: reservations, allocationRole: allocation)
    }
  }

  mutating func resources() -> Resources {
    Resources((0..<Int.random(in: 0...6, using: &self)).map { _ in resource() })
  }
}

@Suite struct LawTests {
  @Test(arguments: UInt64(1)...400) func rangesFormAnAlgebraOfSets(seed: UInt64) {
    var generator = SeededGenerator(state: seed)
    let (a, b, c) = (generator.ranges(), generator.ranges(), generator.ranges())
    #expect(a + b == b + a)
    #expect((a + b) + c == a + (b + c))
    #expect((a + b).contains(a))
    #expect((a - b) + b == a + b)
    #expect(((a - b) - a).isEmpty)
    #expect(a.contains(a - b))
    #expect((a - b).count + (a + b).count == 2 * (a + b).count - b.count)
    #expect(a.contains(b) == (b - a).isEmpty)
    for (left, right) in zip(a.intervals, a.intervals.dropFirst()) {
      #expect(left.upperBound + 1 < right.lowerBound)
    }
  }

  @Test(arguments: UInt64(1)...400) func resourcesAddAndSubtractLikeAmounts(seed: UInt64) {
    var generator = SeededGenerator(state: seed)
    let (a, b, c) = (generator.resources(), generator.resources(), generator.resources())
    #expect(a + b == b + a)
    #expect((a + b) + c == a + (b + c))
    #expect((a + b).contains(a))
    #expect(a.contains(a - b))
    #expect((a - a).isEmpty)
    if a.contains(b) { #expect((a - b) + b == a) }
    #expect(a.reserved + a.unreserved == a)
    #expect(!a.contains { $0.isEmpty })
  }

  @Test(arguments: UInt64(1)...200) func amountsWithoutSetsCancelExactly(seed: UInt64) {
    var generator = SeededGenerator(state: seed)
    let a = generator.resources().filter { if case .scalar = $0.value { true } else { false } }
    let b = generator.resources().filter { if case .scalar = $0.value { true } else { false } }
    #expect((a + b) - b == a)
    #expect((a + b).total(of: "cpus") == a.total(of: "cpus") + b.total(of: "cpus"))
  }
}
