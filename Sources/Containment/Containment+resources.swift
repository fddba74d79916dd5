import ModuleHost

/// Amounts of running containers: change and measurement.
extension Containment {
  func fit(
    _ id: String, requests: [ContainerDescription.Amount], limits: [ContainerDescription.Amount]
  ) -> IsolatorFailure? {
    guard let container = containers[id], case .running = container.phase else {
      return IsolatorFailure(isolator: "containment", message: "container \(id) does not run")
    }
    var description = container.request.description
    description.requests = requests
    description.limits = limits
    do {
      container.plan = try plan(description, running: true)
    } catch {
      return IsolatorFailure(isolator: "containment", message: error.message)
    }
    container.request.description = description
    return nil
  }

  func measure(_ id: String) -> [String: Double] {
    guard let container = containers[id], case .running = container.phase else { return [:] }
    var statistics: [String: Double] = [:]
    for isolator in isolators {
      do {
        let measured = try isolator.usage(container.request.description, cgroup: NoCgroup())
        // Like all fields, a number has one owner: the first that gives it.
        statistics.merge(measured) { first, _ in first }
      } catch {
        log.warning("container \(id): \(error)")
      }
    }
    return statistics
  }
}

/// Of a container without a cgroup.
struct NoCgroup: CgroupReading {
  func read(_ file: String) -> String? { nil }
}
