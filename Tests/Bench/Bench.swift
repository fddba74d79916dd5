import ArgumentParser
import NIOCore
import NIOPosix
import SchedulerClient
import Transport
import Wire

@main
struct Bench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tepui-bench", abstract: "Figures of speed and memory; Tests/bench starts what is measured.",
    subcommands: [
      TasksBench.self, MasterBench.self, AllocatorBench.self, ContainmentBench.self, LaunchBench.self,
      RunningBench.self,
    ],
    defaultSubcommand: TasksBench.self)
}

/// Figures of a running cluster of one agent.
struct TasksBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "tasks", abstract: "Figures of a cluster of one agent.")

  @Option(help: "The master, host:port.") var master: String
  @Option(help: "Process ids whose memory is told, as name=pid.") var process: [String] = []
  @Option(help: "Tasks one after the other, for the latency.") var latencyTasks = 300
  @Option(help: "Tasks as many at a time as fit, for the throughput.") var throughputTasks = 3000
  @Option(help: "Tasks in one ACCEPT.") var batchTasks = 1000

  func run() async throws {
    guard let master = Endpoint(master) else { throw ValidationError("--master must be host:port") }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    print("Memory of the idle daemons (PSS; Apache Mesos: master 46 MB, agent 48 MB)")
    try tellMemory()

    let one = try await load(master, group.next(), tasks: latencyTasks, atATime: 1)
    print("ACCEPT to TASK_RUNNING, idle cluster, \(latencyTasks) tasks one after the other (Apache Mesos: 117 ms)")
    let latencies = one.runningMs.sorted()
    let median = quantile(latencies, 0.5)
    line("median", median, "ms", ratio: "\(text(117 / median)) times as fast")
    line("99th percentile", quantile(latencies, 0.99), "ms")
    try one.checkAllFinished()

    let many = try await load(master, group.next(), tasks: throughputTasks, atATime: .max)
    print(
      "Trivial tasks end to end, as many at a time as fit, \(throughputTasks) tasks (Apache Mesos: 8 to 10 tasks/s)")
    let rate = Double(throughputTasks) / many.seconds
    line("throughput", rate, "tasks/s", ratio: "\(text(rate / 9)) times as many")
    try many.checkAllFinished()

    let batch = try await load(master, group.next(), tasks: batchTasks, atATime: batchTasks, needsAll: true)
    print("\(batchTasks) tasks in one ACCEPT (Apache Mesos: 367 of 1000 failed)")
    line("finished", Double(batch.finished), "tasks", ratio: "\(batchTasks - batch.finished) did not")
    line("throughput", Double(batch.finished) / batch.seconds, "tasks/s")

    print("Memory after all that (PSS)")
    try tellMemory()
    try await group.shutdownGracefully()
  }

  private func load(
    _ master: Endpoint, _ eventLoop: any EventLoop, tasks: Int, atATime: Int, needsAll: Bool = false
  ) async throws -> Load.Result {
    try await Load.run(on: eventLoop) {
      Load(tasks: tasks, atATime: atATime, needsAll: needsAll, master: master, eventLoop: eventLoop)
    }
  }

  private func tellMemory() throws {
    for entry in process {
      let parts = entry.split(separator: "=")
      guard parts.count == 2, let pid = Int32(parts[1]) else { throw ValidationError("--process must be name=pid") }
      line(String(parts[0]), try ProcessMemory.pssMB(of: pid), "MB")
    }
  }

  private func line(_ name: String, _ value: Double, _ unit: String, ratio: String? = nil) {
    let padding = String(repeating: " ", count: max(1, 18 - name.count))
    print("  \(name)\(padding)\(text(value)) \(unit)\(ratio.map { "   \($0)" } ?? "")")
  }

  private func text(_ value: Double) -> String {
    let tenths = (value * 10).rounded() / 10
    return tenths.rounded() == tenths ? String(Int(tenths)) : String(tenths)
  }

  private func quantile(_ sorted: [Double], _ q: Double) -> Double {
    sorted.isEmpty ? .nan : sorted[min(sorted.count - 1, Int(Double(sorted.count) * q))]
  }
}
