import TepuiModule

/// Lets no process of a container open more than a number of files.
struct @TYPE@: Isolator {
  static let descriptor = Descriptor(
    id: "@ID@", version: "0.1.0", author: "@AUTHOR@", licence: "Apache-2.0",
    summary: "Limits the files that a process may have open.",
    parameters: [
      .integer("open_files", default: 1024, in: 3...1_000_000, help: "How many files a process may have open.")
    ])

  let limit: UInt64

  init(node: Node, parameters: Parameters, log: Log) throws {
    limit = UInt64(try parameters.integer("open_files"))
  }

  func plan(_ container: Container, _ plan: Plan) {
    if container.isRunning { return }  // nothing that changes later
    plan.rlimit("nofile", soft: limit, hard: limit)
  }
}

@c(tepui_module_entry)
public func entry(host: HostPointer, module: ModulePointer, error: ErrorPointer) -> tepui_status {
  export(@TYPE@.self, host, module, error)
}
