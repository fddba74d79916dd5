import AgentCore
import Containment
import Daemon
import FoundationEssentials
import Glibc
import Logging
import Resources
import Transport
import Wire

/// A flag that cannot be used.
struct FlagError: Error, CustomStringConvertible {
  let description: String

  init(_ flag: String, _ problem: String) {
    description = "--\(flag): \(problem)"
  }
}

/// What the flags come to on this machine.
struct AgentSetup: Sendable {
  let flags: AgentFlags
  let log: Logger
  let master: Endpoint
  /// Absolute and free of symbolic links; exists.
  let workDirectory: String
  /// Exists. What is there changes with every task, so it is best in memory: on a file system with a journal, making and
  /// removing a few files for each task takes as long as launching it.
  let runtimeDirectory: String
  let supervisor: String
  let fetcher: Fetcher.Configuration
  let garbage: GarbageCollector.Configuration
  let outputLimits: OutputLimits
  /// Absolute; of root file systems for containers.
  let rootDirectory: String?
  let listenIP: String
  let advertisedIP: String
  let info: MesosAgentInfo
  let machine: Machine
  let executorEnvironment: [String: String]

  init(_ flags: AgentFlags, log: Logger) throws {
    self.flags = flags
    self.log = log
    guard let master = Endpoint(flags.master, defaultPort: 5050) else {
      throw FlagError("master", "give the address of the master as host:port")
    }
    self.master = master
    guard (0...65535).contains(flags.port) else { throw FlagError("port", "\(flags.port) is no port; give 0 to 65535") }
    guard flags.executorReregistrationTimeout.nanoseconds <= 15_000_000_000 else {
      throw FlagError("executor_reregistration_timeout", "15secs is the most")
    }
    guard (0...1).contains(flags.gcDiskHeadroom) else {
      throw FlagError("gc_disk_headroom", "\(flags.gcDiskHeadroom) is no part of the disk; give 0 to 1")
    }
    workDirectory = try Self.workDirectory(flags.workDirectory)
    runtimeDirectory = try Self.runtimeDirectory(flags.runtimeDirectory, workDirectory)
    let launcherDirectory = flags.launcherDirectory.given ?? Self.ownDirectory()
    supervisor = "\(launcherDirectory)/tepui-supervisor"
    fetcher = Fetcher.Configuration(
      program: "\(launcherDirectory)/tepui-fetcher", runtimeDirectory: runtimeDirectory,
      cacheDirectory: flags.fetcherCacheDirectory.given ?? "\(workDirectory)/fetch",
      cacheSizeBytes: flags.fetcherCacheSize.bytes,
      stallSeconds: Int((flags.fetcherStallTimeout.nanoseconds + 999_999_999) / 1_000_000_000),
      frameworksHome: flags.frameworksHome, log: Logger(label: "fetcher"))
    garbage = GarbageCollector.Configuration(
      rules: SandboxCollection(delayNs: flags.gcDelay.nanoseconds, diskHeadroom: flags.gcDiskHeadroom),
      workDirectory: workDirectory, intervalNs: flags.diskWatchInterval.nanoseconds)
    outputLimits = OutputLimits(flags)
    rootDirectory = try flags.rootDirectory.given.map(Self.rootDirectory)
    machine = Machine(diskOf: workDirectory)
    let hostIP = Machine.addressOfHost() ?? "127.0.0.1"
    listenIP = flags.ip.given ?? hostIP
    advertisedIP = listenIP == "0.0.0.0" ? hostIP : listenIP
    executorEnvironment = try Self.environment(flags.executorEnvironmentVariables)
    info = try Self.info(flags, machine, workDirectory)
  }

  private static func workDirectory(_ flag: String) throws -> String {
    guard let path = flag.given else {
      throw FlagError("work_dir", "is required: give a directory for sandboxes and checkpoints")
    }
    do {
      try Directories.make(path, mode: 0o755)
      let resolved = try Directories.resolve(path)
      try Directories.tryWriting(in: resolved)
      return resolved
    } catch {
      throw FlagError("work_dir", "\(error)")
    }
  }

  private static func rootDirectory(_ path: String) throws -> String {
    do { return try Directories.resolve(path) } catch { throw FlagError("rootfs_dir", "\(error)") }
  }

  /// By default one that belongs to the work directory alone, since several agents may run on a machine.
  private static func runtimeDirectory(_ flag: String, _ workDirectory: String) throws -> String {
    let name = workDirectory.split(separator: "/").joined(separator: "-")
    let isOwn = geteuid() == 0 && name.utf8.count <= 255
    let path = flag.given ?? (isOwn ? "/run/tepui/\(name)" : "\(workDirectory)/meta")
    do {
      try Directories.make(path, mode: 0o700)
      return try Directories.resolve(path)
    } catch {
      throw FlagError("runtime_dir", "\(error)")
    }
  }

  private static func ownDirectory() -> String {
    let path = (try? Directories.resolve("/proc/self/exe")) ?? ""
    return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  }

  private static func environment(_ flag: String) throws -> [String: String] {
    guard var text = flag.given else { return [:] }
    if !text.hasPrefix("{") {
      if text.hasPrefix("file://") { text.removeFirst("file://".count) }
      do { text = try Machine.read(text) } catch { throw FlagError("executor_environment_variables", "\(error)") }
    }
    do {
      return try JSONDecoder().decode([String: String].self, from: Data(text.utf8))
    } catch {
      throw FlagError("executor_environment_variables", "give a JSON object of strings, such as {\"A\": \"1\"}")
    }
  }

  private static func info(_ flags: AgentFlags, _ machine: Machine, _ workDirectory: String) throws -> MesosAgentInfo {
    var info = MesosAgentInfo()
    info.hostname = flags.hostname.given ?? Machine.hostName()
    do {
      let named = try GivenResources(flags.resources, workDirectory: workDirectory).resources
      info.resources = (named + machine.resources(besides: Set(named.map(\.name)))).wire(.stack)
    } catch {
      throw FlagError("resources", "'\(flags.resources)': \(error)")
    }
    do {
      info.attributes = try Attribute.parse(flags.attributes).map { MesosAttribute($0) }
    } catch {
      throw FlagError("attributes", "'\(flags.attributes)': \(error)")
    }
    if let domain = flags.domain.given { info.domain = try DomainFlag.parse(domain) }
    return info
  }

  /// - Parameter port: where the agent listens.
  func configuration(port: Int) -> AgentConfiguration {
    var info = info
    info.port = Int32(port)
    var configuration = AgentConfiguration(
      info: info, version: Product.version, ip: advertisedIP, port: port, workDirectory: workDirectory,
      bootID: machine.bootID)
    configuration.recovery = flags.recover == .cleanup ? .cleanup : .reconnect
    configuration.switchesUser = flags.switchUser
    configuration.rootDirectory = rootDirectory
    configuration.executorEnvironment = executorEnvironment
    configuration.executorRegistrationTimeoutNs = flags.executorRegistrationTimeout.nanoseconds
    configuration.executorReregistrationTimeoutNs = flags.executorReregistrationTimeout.nanoseconds
    configuration.executorShutdownGraceNs = flags.executorShutdownGracePeriod.nanoseconds
    return configuration
  }
}
