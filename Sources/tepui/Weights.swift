import ArgumentParser
import Daemon
import Wire

/// `tepui weights`: how much more than others a role is due.
struct Weights: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "See and change the weights of roles.", subcommands: [List.self, Set.self], defaultSubcommand: List.self)

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the weights that are not 1.")
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let response = try await connection.withCluster { try await $0.operate { $0.type = .getWeights } }
      if output.json {
        return print(String(decoding: WireFormat.encodeList(response.getWeights.weightInfos), as: UTF8.self))
      }
      var table = Table("ROLE", "WEIGHT")
      for info in response.getWeights.weightInfos { table.add(info.role, number(info.weight)) }
      print(table.text, terminator: "")
    }
  }

  struct Set: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Set weights, all or none.")
    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "ROLE=WEIGHT, such as prod=2.5; 1 is what every role has at first.") var weights: [Weight]

    func run() async throws {
      _ = try await connection.withCluster { cluster in
        try await cluster.operate { call in
          call.type = .updateWeights
          call.updateWeights.weightInfos = weights.map { weight in
            .with {
              $0.role = weight.role
              $0.weight = weight.value
            }
          }
        }
      }
    }
  }

  struct Weight: ExpressibleByArgument {
    let role: String
    let value: Double

    init?(argument: String) {
      let words = argument.split(separator: "=", omittingEmptySubsequences: false)
      guard words.count == 2, !words[0].isEmpty, let value = Double(words[1]) else { return nil }
      role = String(words[0])
      self.value = value
    }
  }
}
