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
  /// As in modules.json, for every instance that a check makes; defaults stand for the rest.
  public let parameters: [String: String]
  /// For all that is random; the same seed plays the same.
  public let seed: UInt64
  /// How many random clusters or containers are played.
  public let rounds: Int

  public init(module: ModuleInspection, parameters: [String: String] = [:], seed: UInt64 = 1, rounds: Int = 100) {
    self.module = module
    self.parameters = parameters
    self.seed = seed
    self.rounds = rounds
  }

  /// Seeds of the rounds.
  var seeds: [UInt64] { (0..<UInt64(rounds)).map { seed &+ $0 } }

  func makeAllocator(
    _ varied: [String: String] = [:], padding: Int = 0
  ) throws(ModuleError) -> LoadedAllocator {
    try module.makeAllocator(parameters.merging(varied) { $1 }, padding: padding)
  }

  func makeIsolator(
    _ varied: [String: String] = [:], node: NodeDescription, padding: Int = 0
  ) throws(ModuleError) -> LoadedIsolator {
    try module.makeIsolator(parameters.merging(varied) { $1 }, node: node, padding: padding)
  }
}
