import ArgumentParser
import Glibc
import Synchronization

/// Defaults of flags from the environment: `--work_dir` may also be given as `TEPUI_WORK_DIR`. The command line wins.
///
///     @Option var port: Int = EnvironmentDefault.value("port", otherwise: 5050)
///
/// A value that does not parse cannot be reported where a default is computed, so it is kept until `check`, which the
/// program calls first.
public enum EnvironmentDefault {
  private struct Seen {
    var flags: Set<String> = []
    var problems: [String: String] = [:]
  }
  private static let seen = Mutex(Seen())

  /// The environment variable of a flag: `TEPUI_WORK_DIR` for `work_dir`.
  public static func variable(of flag: String) -> String {
    "TEPUI_" + flag.uppercased()
  }

  public static func value<Value: ExpressibleByArgument>(_ flag: String, otherwise: Value) -> Value {
    value(flag) ?? otherwise
  }

  public static func value<Value: ExpressibleByArgument>(
    _ flag: String, as type: Value.Type = Value.self
  ) -> Value? {
    let name = variable(of: flag)
    seen.withLock { _ = $0.flags.insert(name) }
    guard let text = getenv(name).map({ String(cString: $0) }) else { return nil }
    if let value = Value(argument: text) { return value }
    seen.withLock {
      $0.problems[name] = "The environment variable \(name) is '\(text)', which is no value for --\(flag)"
    }
    return nil
  }

  /// For a flag without a default of its own, whose property cannot have an initial value; call it in `validate`.
  public static func fill<Value: ExpressibleByArgument>(_ value: inout Value?, _ flag: String) {
    let fromEnvironment: Value? = self.value(flag)
    value = value ?? fromEnvironment
  }

  /// Throws for the first variable that did not parse, and returns the TEPUI_* variables that no flag has: most likely
  /// a slip of the pen, so the program warns of them.
  public static func check() throws -> [String] {
    let seen = seen.withLock { $0 }
    if let problem = seen.problems.min(by: { $0.key < $1.key }) { throw ValidationError(problem.value) }
    return ownVariables().filter { !seen.flags.contains($0) }.sorted()
  }

  private static func ownVariables() -> [String] {
    var names: [String] = []
    var entry = environ
    while let pointer = entry.pointee {
      let name = String(cString: pointer).prefix { $0 != "=" }
      if name.hasPrefix("TEPUI_") { names.append(String(name)) }
      entry += 1
    }
    return names
  }
}
