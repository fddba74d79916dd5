import ArgumentParser
import Daemon
import FoundationEssentials
import Glibc
import ModuleKit

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure the cycles of allocators over agents × frameworks: processor time and memory.",
    discussion: """
      Policies run over the books of a master, with a role for each framework. Every size is measured in a process of its \
      own; of several runs the least counts. Ends with 1 when a module could not be measured at some size.
      """)

  @Argument(help: "Allocators (*.so), side by side.") var files: [String]
  @Option(help: "Numbers of agents, with commas.") var agents = SizeList("100,1000,10000")
  @Option(help: "Numbers of frameworks, with commas.") var frameworks = SizeList("10,100,1000")
  @Option(help: "Runs of which the least counts.") var runs = 3
  @Option(help: "Seconds that one size may take.") var limit = 120
  @OptionGroup var given: GivenParameters
  @Option(help: "Write a plot to this file.") var svg: String?
  @Flag(help: "Answer in JSON.") var json = false

  func validate() throws {
    guard (1...1000).contains(runs) else { throw ValidationError("--runs must be from 1 to 1000") }
    guard (1...86_400).contains(limit) else { throw ValidationError("--limit must be from 1 to 86400 seconds") }
  }

  func run() throws {
    let subjects = try files.map(subject)
    try given.requireKnown(by: subjects.map(\.identity))
    var points: [BenchPoint] = []
    let progress = ProgressLine()
    let total = subjects.count * agents.sizes.count * frameworks.sizes.count
    for subject in subjects {
      for agents in agents.sizes {
        for frameworks in frameworks.sizes {
          progress.show("\(points.count + 1)/\(total) \(subject.name), \(agents) agents × \(frameworks) frameworks")
          points.append(measure(subject, agents, frameworks))
        }
      }
    }
    progress.clear()
    if json {
      let encoder = JSONEncoder()
      encoder.keyEncodingStrategy = .convertToSnakeCase
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      print(String(decoding: try encoder.encode(points), as: UTF8.self))
    } else {
      print(BenchReport(points).text, terminator: "")
    }
    if let svg {
      do {
        try BenchPlot(points).svg.write(toFile: svg, atomically: true, encoding: .utf8)
      } catch {
        throw ValidationError("\(svg) cannot be written: \(error)")
      }
    }
    if points.contains(where: { $0.failure != nil }) { throw ExitCode(1) }
  }

  private struct Subject {
    var file: String
    var identity: Identity
    var name: String { identity.id }
  }

  private func subject(_ file: String) throws -> Subject {
    switch Identity.of(file) {
    case .failure(let refusal): throw ValidationError(refusal.description)
    case .success(let identity):
      guard identity.kind == "allocator" else {
        throw ValidationError("\(file): \(identity.id) is an \(identity.kind); only allocators have cycles to measure")
      }
      return Subject(file: file, identity: identity)
    }
  }

  private func measure(_ subject: Subject, _ agents: Int, _ frameworks: Int) -> BenchPoint {
    var point = BenchPoint(module: subject.name, file: subject.file, agents: agents, frameworks: frameworks)
    do throws(Refusal) {
      let size = ["--agents", "\(agents)", "--frameworks", "\(frameworks)", "--runs", "\(runs)"]
      let known = Set(subject.identity.parameters.map(\.name))
      let own = given.values.filter { known.contains($0.key) }.sorted { $0.key < $1.key }
      let parameters = own.flatMap { ["--parameter", "\($0.key)=\($0.value)"] }
      let answer = try PlayAnswer.of(
        ["play", subject.file] + size + parameters, limitSeconds: limit, deed: "this size")
      (point.figures, point.failure) = (answer.figures, answer.failure ?? answer.refusal)
    } catch {
      point.failure = error.description
    }
    return point
  }
}

/// `100,1000`: ascending, without repetition.
struct SizeList: ExpressibleByArgument {
  let sizes: [Int]

  init(_ text: String) { sizes = Self.parse(text) ?? [] }

  init?(argument: String) {
    guard let sizes = Self.parse(argument) else { return nil }
    self.sizes = sizes
  }

  var defaultValueDescription: String { sizes.map { "\($0)" }.joined(separator: ",") }

  private static func parse(_ text: String) -> [Int]? {
    let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    guard !numbers.contains(where: { !(1...1_000_000).contains($0 ?? 0) }) else { return nil }
    return Set(numbers.compactMap { $0 }).sorted()
  }
}

/// One module at one size.
struct BenchPoint: Encodable {
  var module: String
  var file: String
  var agents: Int
  var frameworks: Int
  var figures: PolicyFigures?
  var failure: String?
}
