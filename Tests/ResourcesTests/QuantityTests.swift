import Resources
import Testing

@Suite struct QuantityTests {
  @Test(arguments: [(0.1, 100), (7.9, 7900), (0.0005, 1), (-0.0005, -1), (0.0004, 0), (1e9, 1_000_000_000_000)])
  func unitsAreRoundedToThousandths(units: Double, thousandths: Int64) {
    #expect(Quantity(units).thousandths == thousandths)
  }

  @Test(arguments: [
    ("7.9", 7900), ("32", 32000), ("-0.005", -5), ("0", 0), ("0.12", 120), ("-9223372036854775.808", Int64.min),
  ])
  func textIsExactAndShort(text: String, thousandths: Int64) {
    #expect("\(Quantity(thousandths: thousandths))" == text)
  }

  @Test func aTenthAddedTenTimesIsOne() {
    let sum = (0..<10).reduce(Quantity.zero) { sum, _ in sum + Quantity(0.1) }
    #expect(sum == Quantity(1))
    #expect(sum.units == 1.0)
  }

  @Test func nothingFromOutsideTraps() {
    #expect(Quantity(.infinity).thousandths == .max)
    #expect(Quantity(-1e300).thousandths == .min)
    #expect(Quantity(.nan) == .zero)
    #expect(Quantity(thousandths: .max) + Quantity(1) == Quantity(thousandths: .max))
    #expect(Quantity(thousandths: .min) - Quantity(1) == Quantity(thousandths: .min))
    #expect(Quantity(thousandths: 0) - Quantity(thousandths: .min) == Quantity(thousandths: .max))
  }

  @Test(arguments: [-1, 0.0004, -0.0001, .nan, -.infinity, .infinity, 1e300])
  func badAmountsAreRefused(units: Double) {
    #expect(throws: ResourceError.self) { try Quantity(validating: units) }
  }

  @Test func zeroIsLegal() throws {
    #expect(try Quantity(validating: 0) == .zero)
  }
}
