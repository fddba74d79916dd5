/// A version of the module ABI, as in `TEPUI_ABI(major, minor)`.
struct ABIVersion: Comparable, CustomStringConvertible {
  let rawValue: UInt32

  init(rawValue: UInt32) { self.rawValue = rawValue }
  init(_ major: UInt32, _ minor: UInt32) { rawValue = major << 16 | minor }

  /// What this host speaks. Before 1.0 the two ends are one.
  static let oldest = ABIVersion(0, 9)
  static let newest = ABIVersion(0, 9)

  var description: String { "\(rawValue >> 16).\(rawValue & 0xffff)" }

  static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
