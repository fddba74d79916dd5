import ArgumentParser
import Daemon
import Transport

struct Modules: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the modules of the master and of all agents: loaded, found but not used, and refused.")
  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  private struct Answer: Decodable {
    struct Module: Decodable {
      var path: String
      var state: String
      var id: String?
      var kind: String?
      var version: String?
      var abi: String?
      var parameters: [String: String]?
      var calls: Int?
      var timeMs: Double?
      var refusals: Int?
      var failures: Int?
      var overruns: Int?
      var reason: String?
    }
    var modules: [Module]
  }

  func run() async throws {
    try await connection.withCluster { cluster in
      var lists = [("master \(cluster.endpoint)", try await cluster.master("/modules"))]
      let agents = try Agents.Answer(json: try await cluster.master("/slaves"))
      for agent in agents.slaves where agent.active != false {
        guard let address = agent.pid.split(separator: "@").last, let endpoint = Endpoint(String(address)) else {
          continue
        }
        lists.append(("agent \(endpoint)", try await cluster.get(endpoint, "/modules")))
      }
      if output.json {
        let members = lists.map { "\"\($0.0)\": \(String(decoding: $0.1, as: UTF8.self))" }
        print("{\(members.joined(separator: ", "))}")
      } else {
        try show(lists)
      }
    }
  }

  /// `allocator` of `tepui.allocator/1`.
  private func noun(_ kind: String?) -> String {
    kind?.split(separator: "/").first?.split(separator: ".").last.map(String.init) ?? ""
  }

  private func show(_ lists: [(String, [UInt8])]) throws {
    var table = Table(
      "WHERE", "MODULE", "KIND", "STATE", "VERSION", "ABI", "CALLS", "MS", "REFUSALS", "FAILURES", "OVERRUNS", "PATH",
      "DETAILS")
    for (place, json) in lists {
      for module in try Answer(json: json).modules {
        let parameters = (module.parameters ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        table.add(
          place, module.id ?? "-", noun(module.kind), module.state, module.version ?? "", module.abi ?? "",
          module.calls.map(String.init) ?? "", module.timeMs.map { number($0) } ?? "",
          module.refusals.map(String.init) ?? "", module.failures.map(String.init) ?? "",
          module.overruns.map(String.init) ?? "", module.path, module.reason ?? parameters.joined(separator: " "))
      }
    }
    print(table.text, terminator: "")
  }
}
