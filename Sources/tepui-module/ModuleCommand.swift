import ArgumentParser
import Daemon
import Glibc

/// tepui-module: what authors of modules need beside a compiler.
@main
struct ModuleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tepui-module", abstract: "Make, check, measure and look at modules for tepui-master and tepui-agent.",
    version: Product.version,
    subcommands: [New.self, CheckCommand.self, Bench.self, Describe.self, List.self, Reference.self, Play.self])

  static func main() {
    // A reader of ours that has gone must not end a check halfway.
    signal(SIGPIPE, SIG_IGN)
    main(nil)
  }
}
