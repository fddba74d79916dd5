import ArgumentParser
import Containment
import Glibc
import Logging
import ModuleHost

/// CPU time of measuring many containers. Their groups are directories of plain files, with what a kernel has in them:
/// so what is measured is the agent's part, on any machine, and not the kernel's.
struct ContainmentBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "containment", abstract: "CPU time of measuring containers.")

  @Option(help: "Directory of the modules (*.so).") var modulesDir: String
  @Option(help: "Containers that are measured together.") var containers = 1000
  @Option(help: "Measurements, of which the median is told.") var samples = 20

  func run() async throws {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    let groups = try FakeGroups(count: containers)
    defer { groups.remove() }
    let containment = try containment(over: groups)
    defer { containment.stop() }
    for id in groups.ids {
      let found = await withCheckedContinuation { done in
        containment.recover(groups.request(id)) { done.resume(returning: $0) }
      }
      guard found != nil else { throw ValidationError("container \(id) was not found again") }
    }
    // The first opens the files.
    _ = await measure(containment, groups.ids)
    var milliseconds: [Double] = []
    var fields = 0
    for _ in 0..<samples {
      let before = Self.cpuSeconds
      let usage = await measure(containment, groups.ids)
      milliseconds.append((Self.cpuSeconds - before) * 1000)
      fields = usage.values.map(\.count).min() ?? 0
      guard usage.count == containers, fields > 40 else { throw ValidationError("a container has no numbers") }
    }
    let median = milliseconds.sorted()[samples / 2]
    print("Measuring \(containers) containers, \(fields) fields each")
    print("  CPU time        \((median * 10).rounded() / 10) ms   (at most 100 for 1000 containers)")
  }

  private func containment(over groups: FakeGroups) throws -> Containment {
    let module = #"{"libraries": [{"name": "cgroups", "modules": [{"name": "org.tepui.cgroups"}]}]}"#
    let host = try ModuleHost(
      product: "tepui-bench", version: "0", directory: modulesDir, configuration: module, logger: Logger(label: "bench")
    )
    let controllers: Set<String> = ["cpu", "io", "memory", "pids"]
    let node = NodeDescription(cpus: 1000, memoryBytes: 1 << 31, controllers: controllers.sorted())
    let configuration = Containment.Configuration(
      supervisor: "/bin/true", stateRoot: nil, cgroups: CgroupRoot(path: groups.root, controllers: controllers))
    return try Containment(
      configuration, isolators: try host.loadIsolators(named: ["cgroups"], node: node), exited: { _, _ in })
  }

  private func measure(_ containment: Containment, _ ids: [String]) async -> [String: [String: Double]] {
    await withCheckedContinuation { done in containment.usage(ids) { done.resume(returning: $0) } }
  }

  private static var cpuSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
