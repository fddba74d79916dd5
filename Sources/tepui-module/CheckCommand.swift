import ArgumentParser
import FoundationEssentials
import Glibc

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Check that a module keeps the rules of the ABI, with hostile and random inputs.",
    discussion: "Every check runs in a process of its own. Ends with 0 when all have passed, else with 1.")

  @Argument(help: "A module (*.so).") var file: String
  @OptionGroup var given: GivenParameters
  @Option(help: "Where random inputs begin; the same seed plays the same.") var seed: UInt64 = 1
  @Option(help: "How many random clusters or containers are played.") var rounds = 100
  @Option(help: "Only checks whose name contains this.") var only: String?
  @Option(help: "Seconds that one check may take.") var limit = 120
  @Flag(help: "Answer in JSON.") var json = false

  private struct Report: Encodable {
    struct Check: Encodable {
      var name: String
      var outcome: String
      var reason: String?
      var notes: [String]?
    }
    var file: String
    var id: String?
    var kind: String?
    var passed: Bool
    var seed: UInt64
    var rounds: Int
    var checks: [Check] = []
  }

  func validate() throws {
    guard rounds > 0, rounds <= 1_000_000 else { throw ValidationError("--rounds must be from 1 to 1000000") }
    guard limit > 0, limit <= 86_400 else { throw ValidationError("--limit must be from 1 to 86400 seconds") }
  }

  func run() throws {
    var report = Report(file: file, passed: true, seed: seed, rounds: rounds)
    let progress = ProgressLine()
    switch Identity.of(file) {
    case .failure(let refusal):
      tell(&report, .init(name: "is a module", outcome: "failed", reason: refusal.description))
    case .success(let identity):
      try given.requireKnown(by: [identity])
      (report.id, report.kind) = (identity.id, identity.kind)
      if !json { print("\(identity.id) \(identity.version), an \(identity.kind) for ABI \(identity.abi)") }
      let names = identity.checks.filter { name in only.map { name.contains($0) } ?? true }
      guard !names.isEmpty else { throw ValidationError("no check has \"\(only ?? "")\" in its name") }
      for (index, name) in names.enumerated() {
        progress.show("\(index + 1)/\(names.count) \(name)")
        let result = result(of: name)
        progress.clear()
        tell(&report, result)
      }
    }
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      print(String(decoding: try encoder.encode(report), as: UTF8.self))
    } else {
      let failed = report.checks.count { $0.outcome == "failed" }
      print(
        failed == 0 ? "all \(report.checks.count) checks passed" : "\(failed) of \(report.checks.count) checks failed")
    }
    if !report.passed { throw ExitCode(1) }
  }

  private func result(of name: String) -> Report.Check {
    do throws(Refusal) {
      let arguments = ["play", file, "--check", name, "--seed", "\(seed)", "--rounds", "\(rounds)"] + given.arguments
      let answer = try PlayAnswer.of(arguments, limitSeconds: limit, deed: "this check")
      if let notes = answer.notes {
        return .init(name: name, outcome: "passed", notes: notes.isEmpty ? nil : notes)
      }
      return .init(name: name, outcome: "failed", reason: answer.failure ?? answer.refusal)
    } catch {
      return .init(name: name, outcome: "failed", reason: error.description)
    }
  }

  private func tell(_ report: inout Report, _ check: Report.Check) {
    report.checks.append(check)
    if check.outcome == "failed" { report.passed = false }
    guard !json else { return }
    print("  \(check.outcome == "passed" ? "ok    " : "FAILED") \(check.name)")
    if let reason = check.reason { print("         \(reason)") }
    for note in check.notes ?? [] { print("         note: \(note)") }
  }
}
