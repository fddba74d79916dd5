import Foundation
import Testing

@testable import AgentCore
@testable import tepui_agent

/// Sandboxes of tasks within that of their pod.
@Suite struct PodSandboxTests {
  private func launch(
    _ directory: TemporaryDirectory, _ id: String, user: String? = nil, paths: [SharedPath]? = nil
  ) -> ContainerLaunch {
    let runs = "\(directory.path)/executors/P/runs"
    var launch = ContainerLaunch(
      containerID: id, frameworkID: "F", executorID: "P", isCommandTask: false, role: "*", user: user,
      sandbox: "\(runs)/\(id)", requests: [], limits: [], program: "", arguments: [], environment: [:], uris: [],
      volumes: [])
    guard let paths else {
      launch.isPod = true
      return launch
    }
    launch.sandbox = "\(runs)/pod/containers/\(id)"
    launch.nesting = .init(
      parentID: "pod", taskID: "task", parentSandbox: "\(runs)/pod", parentUser: user, sharesLimits: true,
      sharesPIDs: false, paths: paths)
    return launch
  }

  private func mode(_ path: String) throws -> Int {
    try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
  }

  private func target(_ link: String) -> String? { try? FileManager.default.destinationOfSymbolicLink(atPath: link) }

  @Test func tasksHaveSandboxesBelowThePodsAndShareDirectoriesOfIt() throws {
    let directory = try TemporaryDirectory()
    let pod = launch(directory, "pod")
    try Sandbox(launch: pod).make()
    #expect(target("\(directory.path)/executors/P/runs/latest") == "pod")
    #expect(try mode(pod.sandbox) == 0o711)
    let shared = [SharedPath(path: "shared/data", containerPath: "in/data")]
    for id in ["a", "b"] {
      let task = launch(directory, id, paths: shared)
      try Sandbox(launch: task).make()
      #expect(try mode(task.sandbox) == 0o750)
      #expect(target("\(task.sandbox)/in/data") == "\(pod.sandbox)/shared/data")
      // The latest task of the id.
      #expect(target("\(pod.sandbox)/tasks/task") == task.sandbox)
    }
    try directory.write("hello", to: "executors/P/runs/pod/containers/a/in/data/note")
    let note = "\(pod.sandbox)/containers/b/in/data/note"
    #expect(try String(contentsOfFile: note, encoding: .utf8) == "hello")
  }

  @Test func withARootOfItsOwnThereAreNoLinks() throws {
    let directory = try TemporaryDirectory()
    let pod = launch(directory, "pod")
    try Sandbox(launch: pod).make()
    var task = launch(directory, "a", paths: [SharedPath(path: "shared", containerPath: "s")])
    task.setup.root = "/roots/image"
    try Sandbox(launch: task).make()
    #expect(FileManager.default.fileExists(atPath: "\(pod.sandbox)/shared"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: task.sandbox).isEmpty)
  }

  @Test func linksOfTasksDoNotLeadTheAgentAstray() throws {
    let directory = try TemporaryDirectory()
    let pod = launch(directory, "pod")
    try Sandbox(launch: pod).make()
    try Sandbox(launch: launch(directory, "a", paths: [SharedPath(path: "shared", containerPath: "s")])).make()
    let elsewhere = try directory.make("elsewhere")
    try directory.link("executors/P/runs/pod/shared/trap", to: elsewhere)
    #expect(throws: FileError.self) {
      try Sandbox(
        launch: launch(directory, "b", paths: [SharedPath(path: "shared/trap/deep", containerPath: "s")])
      ).make()
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: elsewhere).isEmpty)
  }

  @Test(.enabled(if: geteuid() == 0, "only root can give sandboxes away"))
  func whatTasksShareBelongsToThePodsUser() throws {
    let directory = try TemporaryDirectory()
    let pod = launch(directory, "pod", user: "daemon")
    try Sandbox(launch: pod).make()
    var task = launch(directory, "a", user: "daemon", paths: [SharedPath(path: "shared", containerPath: "s")])
    task.user = "nobody"
    try Sandbox(launch: task).make()
    func owner(_ path: String) throws -> String? {
      try FileManager.default.attributesOfItem(atPath: path)[.ownerAccountName] as? String
    }
    #expect(try owner(pod.sandbox) == "root")
    #expect(try owner("\(pod.sandbox)/containers") == "root")
    #expect(try owner(task.sandbox) == "nobody")
    #expect(try owner("\(pod.sandbox)/shared") == "daemon")
  }
}
