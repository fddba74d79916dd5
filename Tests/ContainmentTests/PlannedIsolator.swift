import ModuleHost
import Synchronization

/// An isolator with a fixed plan that writes down what it is asked.
final class PlannedIsolator: Isolator {
  let id: String
  private let entries: [PlanEntry]
  private let failing: LifecycleStep?
  private let steps: Steps

  /// The steps that isolators were asked for, in order: "a prepare".
  final class Steps: Sendable {
    private let taken = Mutex<[String]>([])
    var all: [String] { taken.withLock { $0 } }
    fileprivate func add(_ step: String) { taken.withLock { $0.append(step) } }
  }

  init(_ id: String, _ entries: [PlanEntry] = [], failing: LifecycleStep? = nil, steps: Steps = Steps()) {
    self.id = id
    self.entries = entries
    self.failing = failing
    self.steps = steps
  }

  func plan(_ container: ContainerDescription, running: Bool) throws(IsolatorFailure) -> [PlanEntry] { entries }

  func usage(_ container: ContainerDescription, cgroup: any CgroupReading) throws(IsolatorFailure) -> [String: Double] {
    ["\(id)_pid": Double(container.pid), "shared": 1]
  }

  func perform(_ step: LifecycleStep, _ container: ContainerDescription) throws(IsolatorFailure) {
    steps.add("\(id) \(step)")
    if step == failing { throw IsolatorFailure(isolator: id, message: "no \(step) today") }
  }
}
