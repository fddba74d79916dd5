import ModuleHost

extension Subject {
  /// Creates the module with its defaults, with each parameter at each of its ends, and with texts that nobody would
  /// write. A module may refuse what it cannot use, with a text; it may not crash.
  func playParameters(_ create: ([String: String]) throws(ModuleError) -> Void) throws -> [String] {
    do throws(ModuleError) {
      for _ in 0..<3 { try create([:]) }
    } catch {
      let given = parameters.isEmpty ? "its defaults" : "the parameters that were given"
      throw Defect("it does not start with \(given): \(error.message)")
    }
    for parameter in module.descriptor.parameters {
      for value in parameter.extremeValues {
        do throws(ModuleError) {
          try create([parameter.name: value])
        } catch  where error.code == .create {
          try require(
            !error.message.hasSuffix("without a reason") && !error.message.hasSuffix("without saying what"),
            "it refuses \(parameter.name)=\(value) without a text; use tepui_fail")
        } catch {
          throw Defect("\(parameter.name)=\(value): \(error.message)")
        }
      }
    }
    return []
  }
}

extension ParameterSpecification {
  /// Allowed all of them.
  fileprivate var extremeValues: [String] {
    switch form {
    case .boolean: return ["true", "false"]
    case .text where !allowed.isEmpty: return allowed
    case .text:
      return ["", " ", "0", "-1", ",=:/", "\u{1F600}\u{0301}", "%s%n", String(repeating: "x", count: 4000)]
    case .integer: return ends.map { "\($0)" }
    case .quantity: return ends.map { "\($0 / 1000)" }.filter { allows($0) }
    case .duration: return ends.map { "\($0)ns" }.filter { allows($0) }
    }
  }

  private var ends: [Int64] {
    range.map { [$0.lowerBound, $0.upperBound] } ?? [0, 1, -1, .max, .min]
  }
}
