import ArgumentParser
import Daemon
import Resources
import Wire

/// `tepui quota`: what roles are sure of, and the most that they may have.
struct Quota: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "See and change what roles are guaranteed and limited to.",
    subcommands: [List.self, Set.self, Remove.self],
    defaultSubcommand: List.self)

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the quotas.")
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let response = try await connection.withCluster { try await $0.operate { $0.type = .getQuota } }
      if output.json {
        return print(String(decoding: WireFormat.json.encode(response.getQuota.status), as: UTF8.self))
      }
      var table = Table("ROLE", "KIND", "GUARANTEE", "LIMIT")
      for config in response.getQuota.status.configs {
        for kind in Swift.Set(config.guarantees.keys).union(config.limits.keys).sorted() {
          table.add(
            config.role, kind, config.guarantees[kind].map { number($0.value) } ?? "-",
            config.limits[kind].map { number($0.value) } ?? "-")
        }
      }
      print(table.text, terminator: "")
    }
  }

  struct Set: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Set the whole quota of a role.",
      discussion: "What is not named is neither guaranteed nor limited; an earlier quota of the role is replaced.")
    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "The role; one of the top level.") var role: String
    @Option(help: "What the role is sure of, such as cpus:4,mem:1024.") var guarantee: Amounts?
    @Option(help: "The most that the role may have, such as cpus:8,mem:4096.") var limit: Amounts?
    @Flag(help: "Even if the cluster cannot give that much, or the role has more than its limit.") var force = false

    func validate() throws {
      if guarantee == nil, limit == nil {
        throw ValidationError("give --guarantee, --limit or both; to have no quota: tepui quota remove \(role)")
      }
    }

    func run() async throws {
      _ = try await connection.withCluster { cluster in
        try await cluster.operate { call in
          call.type = .updateQuota
          call.updateQuota.force = force
          call.updateQuota.quotaConfigs = [
            .with {
              $0.role = role
              $0.guarantees = guarantee?.values ?? [:]
              $0.limits = limit?.values ?? [:]
            }
          ]
        }
      }
    }
  }

  struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Let a role have no quota.")
    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "The role.") var role: String

    func run() async throws {
      _ = try await connection.withCluster { cluster in
        try await cluster.operate { call in
          call.type = .updateQuota
          call.updateQuota.quotaConfigs = [.with { $0.role = role }]
        }
      }
    }
  }
}

/// Amounts by kind: `cpus:4,mem:1024`; semicolons do, too, as elsewhere in resources.
struct Amounts: ExpressibleByArgument {
  let values: [String: MesosValue.Scalar]

  init?(argument: String) {
    var values: [String: MesosValue.Scalar] = [:]
    for part in argument.split(whereSeparator: { $0 == "," || $0 == ";" }) {
      let words = part.split(separator: ":", omittingEmptySubsequences: false)
      guard words.count == 2, !words[0].isEmpty, let amount = Double(words[1]), amount >= 0, amount.isFinite,
        values[String(words[0])] == nil
      else { return nil }
      values[String(words[0])] = .with { $0.value = amount }
    }
    if values.isEmpty { return nil }
    self.values = values
  }
}
