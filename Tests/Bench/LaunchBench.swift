import ArgumentParser
import Glibc

/// What it takes to run a trivial program from start to exit in a cgroup and namespaces of its own, beside what a user
/// would take instead. All take turns, so that a busy machine is busy for all of them. `Tests/bench launch` calls this in
/// a mount namespace of its own.
struct LaunchBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "launch", abstract: "CPU time of launching containers, beside crun and runc.")

  @Option(help: "Directory of the modules (*.so).") var modulesDir: String
  @Option(help: "The supervisor.") var supervisor: String
  @Option(help: "An OCI bundle with /bin/true, for crun and runc; its rootfs is for us too.") var bundle: String
  @Option(help: "Launches in a round.") var launches = 30
  @Option(help: "Rounds, of which the median is told.") var rounds = 10
  @Flag(help: "Fail when a figure is out of its checked-in bound.") var checkBounds = false

  /// Of crun's CPU time, at most.
  private static let bounds = ["Tepui, the host's files": 0.5, "Tepui, a root of its own": 0.5]

  func run() async throws {
    let ours = try ContainerLauncher(
      modulesDirectory: modulesDir, supervisor: supervisor, rootDirectory: "\(bundle)/rootfs")
    defer { ours.stop() }
    var contenders = [
      Contender("fork and exec alone") { _ in try Spawned.run(["/bin/true"]) },
      Contender("Tepui, the host's files") { try await ours.run("host-\($0)", ownRoot: false) },
      Contender("Tepui, a root of its own") { try await ours.run("root-\($0)", ownRoot: true) },
    ]
    for runtime in ["crun --cgroup-manager=disabled", "runc"] {
      let words = runtime.split(separator: " ").map(String.init)
      guard let program = Spawned.find(words[0]) else {
        print("  \(words[0]) is not installed, so there is nothing to compare with it")
        continue
      }
      contenders.append(
        Contender(words[0]) { number in
          try Spawned.run([program] + words.dropFirst() + ["run", "-b", bundle, "tepui-bench-\(getpid())-\(number)"])
        })
    }
    for round in 0...rounds {
      for contender in contenders {
        let count = round == 0 ? 3 : launches
        try await contender.measure(count, isWarmUp: round == 0)
      }
    }
    try tell(contenders)
  }

  private func tell(_ contenders: [Contender]) throws {
    print("Start to exit of /bin/true in a cgroup and mount, pid, ipc, uts namespaces, \(launches * rounds) each")
    let crun = contenders.first { $0.name == "crun" }?.cpuMs
    var isOutOfBounds = false
    for contender in contenders {
      var line = "  \(contender.name): \(hundredths(contender.cpuMs)) ms of CPU, \(hundredths(contender.wallMs)) ms"
      if let crun { line += ", \(hundredths(contender.cpuMs / crun)) of crun's CPU" }
      if let crun, let bound = Self.bounds[contender.name] {
        line += ", bound \(bound)"
        if contender.cpuMs / crun > bound { isOutOfBounds = true }
      }
      print(line)
    }
    if checkBounds, isOutOfBounds { throw Load.Failure("out of bounds: CPU time of a launch") }
  }

  private func hundredths(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}

/// A way to run a program, and what it took so far.
private final class Contender {
  let name: String
  private let launch: (Int) async throws -> Void
  private var next = 0
  private var cpu: [Double] = []
  private var wall: [Double] = []

  init(_ name: String, _ launch: @escaping (Int) async throws -> Void) {
    self.name = name
    self.launch = launch
  }

  /// Of this process and of all that it waited for, which for a container is all of it.
  func measure(_ count: Int, isWarmUp: Bool) async throws {
    let (cpuBefore, wallBefore) = (Self.cpuSeconds, Self.wallSeconds)
    for _ in 0..<count {
      try await launch(next)
      next += 1
    }
    guard !isWarmUp else { return }
    cpu.append((Self.cpuSeconds - cpuBefore) * 1000 / Double(count))
    wall.append((Self.wallSeconds - wallBefore) * 1000 / Double(count))
  }

  var cpuMs: Double { cpu.sorted()[cpu.count / 2] }
  var wallMs: Double { wall.sorted()[wall.count / 2] }

  private static var cpuSeconds: Double {
    [RUSAGE_SELF, RUSAGE_CHILDREN].reduce(0) { sum, who in
      var usage = rusage()
      getrusage(__rusage_who_t(who.rawValue), &usage)
      return sum + seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }
  }

  private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

  private static var wallSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

/// A program that is started and waited for.
private enum Spawned {
  static func run(_ arguments: [String]) throws {
    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var pid: pid_t = 0
    guard posix_spawn(&pid, arguments[0], nil, nil, &words, environ) == 0 else {
      throw Load.Failure("cannot start \(arguments[0])")
    }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    guard status == 0 else {
      throw Load.Failure("\(arguments.joined(separator: " ")) ended with status \(status >> 8)")
    }
  }

  static func find(_ program: String) -> String? {
    ["/usr/bin", "/usr/sbin", "/usr/local/bin"].map { "\($0)/\(program)" }.first { access($0, X_OK) == 0 }
  }
}
