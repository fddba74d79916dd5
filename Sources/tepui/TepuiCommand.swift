import ArgumentParser
import Daemon

@main
struct TepuiCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tepui", abstract: "Run commands on a cluster, and see what is on it.",
    version: Product.version,
    subcommands: [
      Run.self, Ps.self, Agents.self, Frameworks.self, Modules.self, Explain.self, Quota.self, Weights.self,
      Drain.self, Deactivate.self, Reactivate.self, Gone.self, Maintenance.self,
    ])
}
