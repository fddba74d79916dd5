import Allocation
import CRE2
import Resources

/// A regular expression of RE2, as offer constraints have them: it matches a text as a whole or not at all, and takes no
/// longer than the text and the bounds of its own size allow.
///
/// Immutable; any thread.
public final class Pattern: TextPattern {
  /// How large a pattern may become (flags --offer_constraints_re2_max_mem and --offer_constraints_re2_max_program_size).
  public struct Limits: Sendable {
    /// Bytes, as RE2 counts them.
    public var memory: Int64
    public var programSize: Int

    public init(memory: Int64 = 4096, programSize: Int = 100) {
      self.memory = memory
      self.programSize = programSize
    }
  }

  /// Of RE2, which locks what is shared in it.
  private nonisolated(unsafe) let regex: OpaquePointer

  /// Throws, with Mesos' text, when the pattern is none or is too large.
  public init(_ text: String, limits: Limits = Limits()) throws(ResourceError) {
    var text = text
    regex = text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { cre2_make($0.baseAddress, $0.count, limits.memory) }
    }
    if let problem = cre2_problem(regex) {
      throw ResourceError("Failed to construct regex from pattern '\(text)': \(String(cString: problem))")
    }
    let size = Int(cre2_program_size(regex))
    guard size <= limits.programSize else {
      throw ResourceError(
        "Regex '\(text)' is too complex: program size of \(size) is larger than maximum of \(limits.programSize) allowed"
      )
    }
  }

  deinit {
    cre2_free(regex)
  }

  public func matches(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { cre2_matches(regex, $0.baseAddress, $0.count) }
    }
  }
}
