/// An amount of a scalar resource in thousandths of its unit, so that sums are exact (protocol fact 135).
///
/// Arithmetic saturates at the ends of `Int64` instead of trapping: an amount that came from outside can never end a
/// daemon. Amounts that pass `init(validating:)` are far from those ends.
public struct Quantity: Hashable, Sendable {
  public var thousandths: Int64

  public static let zero = Quantity(thousandths: 0)

  /// The largest amount that is accepted from outside: every thousandth up to it has an exact `Double` neighbour.
  public static let largestAccepted = Quantity(thousandths: 1 << 53)

  public init(thousandths: Int64) {
    self.thousandths = thousandths
  }

  /// Rounds half away from zero, as Mesos does; what does not fit becomes the nearest end, not-a-number becomes zero.
  public init(_ value: Double) {
    let scaled = (value * 1000).rounded(.toNearestOrAwayFromZero)
    if scaled.isNaN {
      thousandths = 0
    } else if scaled >= 0x1p63 {
      thousandths = .max
    } else {
      thousandths = scaled < -0x1p63 ? .min : Int64(scaled)
    }
  }

  /// The amount of a resource as somebody sent it.
  ///
  /// Exactly zero is legal and means nothing; negative amounts and those that would round to zero are refused.
  public init(validating value: Double) throws(ResourceError) {
    self.init(value)
    if value.isNaN { throw ResourceError("Invalid scalar resource: value is not a number") }
    guard value == 0 || thousandths > 0 else { throw ResourceError("Invalid scalar resource: value <= 0") }
    guard self <= .largestAccepted else {
      throw ResourceError("Invalid scalar resource: value > \(Quantity.largestAccepted)")
    }
  }

  /// In units, computed as Mesos does: quotient plus remainder, which prints without noise.
  public var units: Double {
    Double(thousandths / 1000) + Double(thousandths % 1000) / 1000
  }
}

extension Quantity: Comparable {
  public static func < (left: Quantity, right: Quantity) -> Bool {
    left.thousandths < right.thousandths
  }
}

extension Quantity: AdditiveArithmetic {
  public static func + (left: Quantity, right: Quantity) -> Quantity {
    let (sum, overflow) = left.thousandths.addingReportingOverflow(right.thousandths)
    return Quantity(thousandths: overflow ? (right.thousandths > 0 ? .max : .min) : sum)
  }

  public static func - (left: Quantity, right: Quantity) -> Quantity {
    let (difference, overflow) = left.thousandths.subtractingReportingOverflow(right.thousandths)
    return Quantity(thousandths: overflow ? (right.thousandths < 0 ? .max : .min) : difference)
  }
}

extension Quantity: CustomStringConvertible {
  /// Exact and as short as possible: `7.9`, `32`, `-0.005`.
  public var description: String {
    let magnitude = thousandths.magnitude
    var text = (thousandths < 0 ? "-" : "") + String(magnitude / 1000)
    var rest = magnitude % 1000
    guard rest != 0 else { return text }
    var digits = 3
    while rest % 10 == 0 {
      rest /= 10
      digits -= 1
    }
    let fraction = String(rest)
    text += "." + String(repeating: "0", count: digits - fraction.utf8.count) + fraction
    return text
  }
}
