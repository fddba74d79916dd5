import ArgumentParser
import Daemon
import FoundationEssentials
import Resources

/// A command that asks the master (or the agents) and prints a table, or the JSON as it came.
protocol Listing: AsyncParsableCommand {
  var connection: ConnectionOptions { get }
  var output: OutputOptions { get }
  /// Path of the master's endpoint.
  static var endpoint: String { get }
  func table(from json: [UInt8]) throws -> Table
}

extension Listing {
  func run() async throws {
    try await connection.withCluster { cluster in
      let json = try await cluster.master(Self.endpoint)
      if output.json {
        print(String(decoding: json, as: UTF8.self))
      } else {
        print(try table(from: json).text, terminator: "")
      }
    }
  }
}

struct Agents: Listing {
  static let configuration = CommandConfiguration(abstract: "List the agents and what is used of them.")
  static let endpoint = "/slaves"
  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  struct Answer: Decodable {
    struct Agent: Decodable {
      struct Amounts: Decodable {
        var cpus: Double?
        var mem: Double?
      }
      var id: String
      var hostname: String
      var pid: String
      struct DrainInfo: Decodable {
        var state: String
      }
      var active: Bool?
      var deactivated: Bool?
      var drainInfo: DrainInfo?
      var resources: Amounts
      var usedResources: Amounts?

      /// For people.
      var state: String {
        if let drainInfo { return drainInfo.state.lowercased() }
        if deactivated == true { return "deactivated" }
        return active == false ? "inactive" : "active"
      }
    }
    var slaves: [Agent]
  }

  func table(from json: [UInt8]) throws -> Table {
    var table = Table("AGENT", "ADDRESS", "STATE", "CPUS", "USED", "MEM", "USED")
    for agent in try Answer(json: json).slaves {
      let address = agent.pid.split(separator: "@").last.map(String.init) ?? agent.hostname
      table.add(
        agent.id, address, agent.state, number(agent.resources.cpus),
        number(agent.usedResources?.cpus), number(agent.resources.mem), number(agent.usedResources?.mem))
    }
    return table
  }
}

struct Frameworks: Listing {
  static let configuration = CommandConfiguration(abstract: "List the frameworks.")
  static let endpoint = "/frameworks"
  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  struct Answer: Decodable {
    struct Framework: Decodable {
      struct Item: Decodable {}
      var id: String
      var name: String
      var user: String?
      var role: String?
      var roles: [String]?
      var active: Bool?
      var tasks: [Item]?
      var offers: [Item]?
    }
    var frameworks: [Framework]
  }

  func table(from json: [UInt8]) throws -> Table {
    var table = Table("FRAMEWORK", "NAME", "ROLES", "STATE", "TASKS", "OFFERS")
    for framework in try Answer(json: json).frameworks {
      table.add(
        framework.id, framework.name, (framework.roles ?? [framework.role ?? "*"]).joined(separator: ","),
        framework.active == false ? "inactive" : "active", String(framework.tasks?.count ?? 0),
        String(framework.offers?.count ?? 0))
    }
    return table
  }
}

struct Ps: Listing {
  static let configuration = CommandConfiguration(abstract: "List the tasks, newest first.")
  static let endpoint = "/tasks?limit=-1"
  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions
  @Flag(name: .shortAndLong, help: "Also those that have ended.") var all = false

  struct Answer: Decodable {
    struct Item: Decodable {
      struct Amounts: Decodable {
        var cpus: Double?
        var mem: Double?
      }
      var id: String
      var name: String
      var frameworkId: String
      var slaveId: String
      var state: String
      var resources: Amounts
    }
    var tasks: [Item]
  }

  private static let living: Set<String> = ["TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"]

  func table(from json: [UInt8]) throws -> Table {
    var table = Table("TASK", "NAME", "STATE", "CPUS", "MEM", "AGENT", "FRAMEWORK")
    for task in try Answer(json: json).tasks
    where all || Self.living.contains(task.state) {
      table.add(
        task.id, task.name, task.state, number(task.resources.cpus), number(task.resources.mem), task.slaveId,
        task.frameworkId)
    }
    return table
  }
}

extension Decodable {
  /// Decodes an answer of an endpoint, whose keys are in snake case.
  init(json: [UInt8]) throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    self = try decoder.decode(Self.self, from: Data(json))
  }
}

/// At most three decimals, as resources have.
func number(_ value: Double?) -> String {
  let thousandths = Int64(((value ?? 0) * 1000).rounded())
  return thousandths % 1000 == 0 ? String(thousandths / 1000) : String(Double(thousandths) / 1000)
}
