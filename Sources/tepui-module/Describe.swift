import ArgumentParser
import Daemon
import FoundationEssentials

struct Describe: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Show who a module is, and its parameters.")
  @Argument(help: "A module (*.so).") var file: String
  @Flag(help: "Answer in JSON.") var json = false

  func run() throws {
    let identity: Identity
    do { identity = try Identity.of(file).get() } catch { throw ValidationError(error.description) }
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      return print(String(decoding: try encoder.encode(identity), as: UTF8.self))
    }
    var table = Table("", "")
    for (name, value) in [
      ("id", identity.id), ("kind", identity.kind), ("version", identity.version), ("ABI", identity.abi),
      ("author", identity.author), ("licence", identity.licence), ("summary", identity.summary),
    ] { table.add(name, value) }
    print(table.text.drop { $0.isWhitespace }, terminator: "")
    print("\nparameters" + (identity.parameters.isEmpty ? ": none" : ""))
    for parameter in identity.parameters {
      print(
        "  \(parameter.name) (\(parameter.type), default \(parameter.default.isEmpty ? "empty" : parameter.default))")
      print("      \(parameter.help) Allowed: \(parameter.allowed).")
    }
  }
}

struct List: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "List the modules of a directory, and why others are none.")
  @Argument(help: "A modules dir.") var directory: String
  @Flag(help: "Answer in JSON.") var json = false

  private struct Listed: Encodable {
    var file: String
    var id: String?
    var kind: String?
    var version: String?
    var abi: String?
    var summary: String?
    var reason: String?
  }

  func run() throws {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix(".so") }.sorted()
    } catch {
      throw ValidationError("\(directory) cannot be read: it must be a directory with modules (*.so)")
    }
    let modules = names.map { name in
      switch Identity.of("\(directory)/\(name)") {
      case .success(let identity):
        Listed(
          file: name, id: identity.id, kind: identity.kind, version: identity.version, abi: identity.abi,
          summary: identity.summary)
      case .failure(let refusal): Listed(file: name, reason: refusal.description)
      }
    }
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      return print(String(decoding: try encoder.encode(modules), as: UTF8.self))
    }
    var table = Table("FILE", "MODULE", "KIND", "VERSION", "ABI", "SUMMARY")
    for module in modules {
      table.add(
        module.file, module.id ?? "no module", module.kind ?? "", module.version ?? "", module.abi ?? "",
        module.summary ?? module.reason ?? "")
    }
    print(table.text, terminator: "")
  }
}
