import ArgumentParser
import FoundationEssentials
import Glibc
import Logging
import ModuleHost
import ModuleKit

/// One step with a module, in a process of its own; answers with JSON. Not for people.
struct Play: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "play", abstract: "One step.", shouldDisplay: false)

  @Argument var file: String
  @Option var check: String?
  @Option var seed: UInt64 = 1
  @Option var rounds = 100
  @OptionGroup var given: GivenParameters
  @Option var agents: Int?
  @Option var frameworks = 1
  @Option var runs = 1

  func run() throws {
    let answer: PlayAnswer
    do {
      let module = try ModuleInspection(
        file, product: "tepui-module", logger: Logger(label: "") { _ in SwiftLogNoOpLogHandler() })
      if let check {
        answer = result(of: check, module)
      } else if let agents {
        answer = figures(of: module, agents: agents)
      } else {
        answer = PlayAnswer(identity: Identity(module))
      }
    } catch {
      answer = PlayAnswer(refusal: "\(error)")
    }
    print(String(decoding: try JSONEncoder().encode(answer), as: UTF8.self))
    // Without the destructors of modules, which may hang.
    fflush(nil)
    _exit(EXIT_SUCCESS)
  }

  private func figures(of module: ModuleInspection, agents: Int) -> PlayAnswer {
    do {
      return PlayAnswer(
        figures: try .measure(module, agents: agents, frameworks: frameworks, runs: runs, given.values))
    } catch {
      return PlayAnswer(failure: "\(error)")
    }
  }

  private func result(of name: String, _ module: ModuleInspection) -> PlayAnswer {
    guard let check = Check.all(for: module.descriptor.kind).first(where: { $0.name == name }) else {
      return PlayAnswer(refusal: "there is no check \"\(name)\" for an \(module.descriptor.kind.noun)")
    }
    switch check.run(on: Subject(module: module, parameters: given.values, seed: seed, rounds: rounds)) {
    case .passed(let notes): return PlayAnswer(notes: notes)
    case .failed(let reason): return PlayAnswer(failure: reason)
    }
  }
}

/// What a step came to: one of its fields is set.
struct PlayAnswer: Codable {
  /// The file is no module.
  var refusal: String?
  var identity: Identity?
  var notes: [String]?
  var figures: PolicyFigures?
  var failure: String?
}

/// Who a module is.
struct Identity: Codable {
  struct Parameter: Codable {
    var name: String
    var type: String
    var `default`: String
    var allowed: String
    var help: String
  }

  var id: String
  var kind: String
  var version: String
  var abi: String
  var author: String
  var licence: String
  var summary: String
  var parameters: [Parameter]
  /// Names of the checks for its kind.
  var checks: [String]
}

extension Identity {
  init(_ module: ModuleInspection) {
    let descriptor = module.descriptor
    self.init(
      id: descriptor.id, kind: descriptor.kind.noun, version: descriptor.version, abi: module.abi,
      author: descriptor.author, licence: descriptor.licence, summary: descriptor.summary,
      parameters: descriptor.parameters.map {
        .init(name: $0.name, type: "\($0.form)", default: $0.initial, allowed: $0.allowedValues, help: $0.help)
      },
      checks: Check.all(for: descriptor.kind).map(\.name))
  }

  /// Asks a module who it is; the text says why that did not work.
  static func of(_ file: String) -> Result<Identity, Refusal> {
    do throws(Refusal) {
      let answer = try PlayAnswer.of(["play", file], limitSeconds: 20, deed: "saying who it is")
      guard let identity = answer.identity else { throw Refusal(answer.refusal ?? "no answer") }
      return .success(identity)
    } catch {
      return .failure(error)
    }
  }
}

struct Refusal: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

extension PlayAnswer {
  /// Plays a step in a process of its own.
  static func of(_ arguments: [String], limitSeconds: Int, deed: String) throws(Refusal) -> PlayAnswer {
    let child: ChildProcess
    do throws(SystemError) {
      child = try ChildProcess.run(arguments, limitSeconds: limitSeconds)
    } catch {
      throw Refusal(error.description)
    }
    switch child.end {
    case .timedOut: throw Refusal("it did not come to an end of \(deed) within \(limitSeconds) s")
    case .signalled(let number):
      throw Refusal("it crashed the process while \(deed): signal \(number) (\(String(cString: strsignal(number))))")
    case .exited(let status):
      // A module may print, too; our line is the last.
      guard let line = child.output.split(separator: "\n").last,
        let answer = try? JSONDecoder().decode(PlayAnswer.self, from: Data(line.utf8))
      else { throw Refusal("it ended the process while \(deed), with status \(status)") }
      return answer
    }
  }
}
