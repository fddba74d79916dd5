import Glibc
import ModuleHost

/// Containers within containers: those of a group's tasks in that of their pod.
extension Containment {
  /// Finds a place in the pod and the namespaces that it has in common with its tasks.
  func enterPod(_ container: SupervisedContainer) throws(LaunchFailure) {
    guard !container.parentID.isEmpty else { return }
    guard let pod = containers[container.parentID], case .running = pod.phase, let process = pod.command else {
      throw LaunchFailure(step: .plan, message: "the pod \(container.parentID) does not run")
    }
    pod.children.insert(container.id)
    if let visits = container.request.visits {
      let joined = JoinedNamespaces(of: process.pid, among: visits)
      if !joined.namespaces.isEmpty { container.joined = joined }
      return
    }
    var shared: PlanEntry.Namespaces = [.ipc, .uts, .network]
    // Else an isolator may have asked for some of its own.
    shared.subtract(container.plan.namespaces)
    if container.request.sharesPIDs { shared.insert(.pid) }
    let joined = JoinedNamespaces(of: process.pid, among: shared)
    container.plan.share(joined.namespaces)
    if !joined.namespaces.isEmpty { container.joined = joined }
  }

  /// A container with limits of its own needs the controllers in its pod's group.
  func handDownLimits(to container: SupervisedContainer) throws(CgroupWriter.Failure) {
    guard let tree, !container.parentID.isEmpty, !container.isVisitor, !container.request.description.sharesLimits
    else { return }
    try tree.handDown(from: tree.group(of: container.parentID).path)
  }

  /// As long as the pod's process is there, its pid is nobody else's.
  func podLives(of container: SupervisedContainer) -> Bool {
    guard !container.parentID.isEmpty else { return true }
    guard let pod = containers[container.parentID], case .running = pod.phase else { return false }
    return pod.command?.hasEnded() == false
  }

  /// Answers whether nothing is left of what ran within a container.
  func endChildren(of container: SupervisedContainer) -> Bool {
    for child in container.children.compactMap({ containers[$0] }) where !child.isEnding { end(child) }
    return container.children.isEmpty
  }

  /// Who was killed for a limit of the pod has met that limit too.
  func takeLimitationOfPod(_ container: SupervisedContainer) {
    guard container.limitation == nil, !container.isVisitor, let pod = containers[container.parentID] else { return }
    guard container.state.waitStatus().map({ $0 == SIGKILL }) ?? true else { return }
    checkWatches(of: pod)
    container.limitation = pod.limitation
  }

  func leavePod(_ container: SupervisedContainer) {
    guard let pod = containers[container.parentID] else { return }
    pod.children.remove(container.id)
    if pod.children.isEmpty, pod.isEnding { advance(pod) }
  }
}

/// Namespaces of a process that another is to enter.
struct JoinedNamespaces {
  let pid: Int32
  let namespaces: PlanEntry.Namespaces

  /// Those that the process has not in common with the agent.
  init(of pid: Int32, among candidates: PlanEntry.Namespaces) {
    self.pid = pid
    let files: [(PlanEntry.Namespaces, String)] = [
      (.mount, "mnt"), (.pid, "pid"), (.ipc, "ipc"), (.uts, "uts"), (.network, "net"),
      (.cgroup, "cgroup"),
    ]
    namespaces = files.reduce(into: []) { found, file in
      guard candidates.contains(file.0) else { return }
      if Self.target(file.1, of: "\(pid)") != Self.target(file.1, of: "self") { found.formUnion(file.0) }
    }
  }

  private static func target(_ name: String, of process: String) -> String? {
    var text = [CChar](repeating: 0, count: 64)
    let length = readlink("/proc/\(process)/ns/\(name)", &text, text.count)
    return length > 0 ? String(decoding: text.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
  }
}
