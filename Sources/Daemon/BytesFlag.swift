import ArgumentParser

/// A flag that takes an amount of memory in Mesos' form: `512B`, `4KB`, `64MB`.
public struct BytesFlag: ExpressibleByArgument, Equatable, Sendable, CustomStringConvertible {
  public let bytes: Int64

  private static let units: [(name: String, bytes: Int64)] = [
    ("TB", 1 << 40), ("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10), ("B", 1),
  ]

  public init(bytes: Int64) {
    self.bytes = bytes
  }

  public init?(argument: String) {
    guard let unit = Self.units.first(where: { argument.hasSuffix($0.name) }),
      let number = Int64(argument.dropLast(unit.name.count)), number >= 0
    else { return nil }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: unit.bytes)
    if overflow { return nil }
    self.bytes = bytes
  }

  /// In the largest unit that it is a whole number of.
  public var description: String {
    let unit = Self.units.first { bytes >= $0.bytes && bytes % $0.bytes == 0 } ?? ("B", 1)
    return "\(bytes / unit.bytes)\(unit.name)"
  }

  public var defaultValueDescription: String { description }
}
