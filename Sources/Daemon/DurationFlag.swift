import ArgumentParser
import Resources

/// A flag that takes a duration in Mesos' form: `250ms`, `10secs`, `2mins`.
public struct DurationFlag: ExpressibleByArgument, Equatable, Sendable, CustomStringConvertible {
  public let nanoseconds: Int64

  public init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  public init?(argument: String) {
    guard let nanoseconds = DurationText.nanoseconds(argument), nanoseconds >= 0 else { return nil }
    self.nanoseconds = min(nanoseconds, Self.longest)
  }

  /// So that a time and a few of these can be added up; longer ones, some 73 years, are all the same to a daemon.
  private static let longest = Int64.max / 4

  public static func seconds(_ seconds: Int64) -> Self { Self(nanoseconds: seconds * 1_000_000_000) }

  public var description: String { DurationText.text(nanoseconds: nanoseconds) }
  public var defaultValueDescription: String { description }
}
