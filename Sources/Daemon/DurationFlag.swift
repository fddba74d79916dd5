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
    self.nanoseconds = nanoseconds
  }

  public static func seconds(_ seconds: Int64) -> Self { Self(nanoseconds: seconds * 1_000_000_000) }

  public var description: String { DurationText.text(nanoseconds: nanoseconds) }
  public var defaultValueDescription: String { description }
}
