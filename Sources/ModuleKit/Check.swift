import ModuleHost

/// Something that must hold of every module of a kind.
public struct Check: Sendable {
  /// A few words, for a report and for `--only`.
  public let name: String
  let body: @Sendable (Subject) throws -> [String]

  /// What came of it.
  public enum Outcome: Equatable, Sendable {
    /// With notes: nothing wrong, but worth knowing.
    case passed(notes: [String])
    case failed(String)
  }

  /// Runs it, in this process: a module may crash it or never return.
  public func run(on subject: Subject) -> Outcome {
    do {
      return .passed(notes: try body(subject))
    } catch {
      return .failed("\(error)")
    }
  }

  /// All checks of a kind of module, in the order in which a report has them.
  public static func all(for kind: ModuleKind) -> [Check] {
    common + (kind == .allocator ? allocatorChecks : isolatorChecks)
  }
}

/// What a module did that it may not do; the text says when and with what it can be played again.
struct Defect: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

func require(_ holds: Bool, _ text: @autoclosure () -> String) throws(Defect) {
  if !holds { throw Defect(text()) }
}

/// The module under check, and how hard to look.
public struct Subject: Sendable {
  public let module: ModuleInspection
  /// For all that is random; the same seed plays the same.
  public let seed: UInt64
  /// How many random clusters or containers are played.
  public let rounds: Int

  public init(module: ModuleInspection, seed: UInt64 = 1, rounds: Int = 100) {
    self.module = module
    self.seed = seed
    self.rounds = rounds
  }

  /// Seeds of the rounds.
  var seeds: [UInt64] { (0..<UInt64(rounds)).map { seed &+ $0 } }
}
