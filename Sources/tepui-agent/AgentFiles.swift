import AgentCore
import Files
import Wire

/// What an agent shows: the sandboxes, and its log if that is a file.
struct AgentFiles: FileCatalogue {
  let workDirectory: String
  let agentID: String?
  let log: LogFile

  func open(_ path: String) throws(WireRefusal) -> OpenFile {
    if let sandbox = SandboxPath(path, workDirectory: workDirectory, agentID: agentID) { return try sandbox.open() }
    return try log.open(path)
  }
}

extension AgentState {
  /// The sandboxes by all the paths that lead to them.
  var sandboxes: [String: String] {
    var paths: [String: String] = [:]
    for framework in completedFrameworks + frameworks {
      for executor in framework.completedExecutors + framework.executors {
        let latest = "/frameworks/\(framework.info.id.value)/executors/\(executor.info.executorID.value)/runs/latest"
        paths[latest] = executor.directory
        paths[executor.directory] = executor.directory
        guard let slash = executor.directory.lastIndex(of: "/") else { continue }
        paths["\(executor.directory[..<slash])/latest"] = executor.directory
      }
    }
    return paths
  }
}
