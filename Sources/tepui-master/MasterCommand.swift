import Allocation
import ArgumentParser
import Daemon
import Glibc
import Logging
import MasterCore
import ModuleHost
import NIOPosix
import Patterns
import Resources
import Storage

/// tepui-master: flags, wiring, signals.
@main
struct MasterCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tepui-master",
    abstract: "Offer the resources of agents to frameworks; a module decides who gets what.",
    discussion: "Every flag may also be given in the environment: --work_dir as TEPUI_WORK_DIR.",
    version: Product.version)

  @Option(name: .customLong("ip"), help: "Address to listen at.")
  var ip = EnvironmentDefault.value("ip", otherwise: "0.0.0.0")
  @Option(name: .customLong("port"), help: "Port to listen at; 0 takes a free one.")
  var port = EnvironmentDefault.value("port", otherwise: 5050)
  @Option(name: .customLong("hostname"), help: "Name that others reach this master by; the machine's own without it.")
  var hostname: String?
  @Option(name: .customLong("advertise_ip"), help: "Address that others reach this master at; --ip without it.")
  var advertiseIP: String?
  @Option(name: .customLong("cluster"), help: "Name of the cluster, for people.")
  var cluster: String?
  @Option(
    name: .customLong("work_dir"), help: "Where the registry lies; without it, a restart forgets quotas and the like.")
  var workDir: String?

  @Option(name: .customLong("modules_dir"), help: "Directory with modules (*.so) and their modules.json.")
  var modulesDir: String?
  @Option(name: .customLong("modules"), help: "JSON, or a file, to use in place of the directory's modules.json.")
  var modules: String?
  @Option(name: .customLong("allocator"), help: "The policy module, by id or its last word; wins over modules.json.")
  var allocator: String?

  @Option(name: .customLong("allocation_interval"), help: "How often everything is looked at again.")
  var allocationInterval = EnvironmentDefault.value("allocation_interval", otherwise: DurationFlag.seconds(1))
  @Option(name: .customLong("offer_timeout"), help: "How long an offer may lie with a framework; 0secs is for ever.")
  var offerTimeout = EnvironmentDefault.value("offer_timeout", otherwise: DurationFlag.seconds(300))
  @Option(
    name: .customLong("min_allocatable_resources"),
    help: "Least of an offer: any of these, joined by |; in each, all of those joined by ;.")
  var minAllocatable = EnvironmentDefault.value("min_allocatable_resources", otherwise: "cpus:0.01|mem:32")
  @Option(
    name: .customLong("offer_constraints_re2_max_mem"), help: "Memory that each regex of offer constraints may take.")
  var patternMemory = EnvironmentDefault.value("offer_constraints_re2_max_mem", otherwise: BytesFlag(bytes: 4096))
  @Option(
    name: .customLong("offer_constraints_re2_max_program_size"), help: "Size that each of these may have as a program.")
  var patternProgramSize = EnvironmentDefault.value("offer_constraints_re2_max_program_size", otherwise: 100)
  @Option(name: .customLong("filter_gpu_resources"), help: "Keep agents with GPUs for frameworks that ask for them.")
  var filterGPUs = EnvironmentDefault.value("filter_gpu_resources", otherwise: true)
  @Option(
    name: .customLong("fair_sharing_excluded_resource_names"), help: "Kinds that do not count as shares, by commas.")
  var excludedFromFairness = EnvironmentDefault.value("fair_sharing_excluded_resource_names", otherwise: "")

  @Option(name: .customLong("roles"), help: "The only roles that frameworks may have, by commas; any without it.")
  var roles: String?
  @Option(name: .customLong("weights"), help: "Weights of roles: role=weight, by commas; 1 for others.")
  var weights = EnvironmentDefault.value("weights", otherwise: "")
  @Option(name: .customLong("root_submissions"), help: "Whether frameworks may run as root.")
  var rootSubmissions = EnvironmentDefault.value("root_submissions", otherwise: true)
  @Option(name: .customLong("whitelist"), help: "File with the hosts of the agents to offer, one a line; * for all.")
  var whitelist = EnvironmentDefault.value("whitelist", otherwise: Whitelist.all)
  @Option(
    name: .customLong("domain"),
    help: ArgumentHelp(
      "Region and zone of this master, as JSON or a file with it; agents that tell theirs are refused without it.",
      discussion: #"'{"fault_domain": {"region": {"name": "eu"}, "zone": {"name": "rack1"}}}'"#))
  var domain: String?
  @Option(name: .customLong("require_agent_domain"), help: "Refuse agents that have no domain.")
  var requireAgentDomain = EnvironmentDefault.value("require_agent_domain", otherwise: false)
  @Option(name: .customLong("agent_ping_timeout"), help: "Time between pings of an agent.")
  var agentPingTimeout = EnvironmentDefault.value("agent_ping_timeout", otherwise: DurationFlag.seconds(15))
  @Option(name: .customLong("max_agent_ping_timeouts"), help: "Pings missed until an agent is unreachable.")
  var maxAgentPingTimeouts = EnvironmentDefault.value("max_agent_ping_timeouts", otherwise: 5)
  @Option(name: .customLong("agent_reregister_timeout"), help: "How long a disconnected agent may take to come back.")
  var agentReregisterTimeout = EnvironmentDefault.value(
    "agent_reregister_timeout", otherwise: DurationFlag.seconds(600))
  @Option(name: .customLong("max_completed_frameworks"), help: "Ended frameworks that are remembered.")
  var maxCompletedFrameworks = EnvironmentDefault.value("max_completed_frameworks", otherwise: 50)
  @Option(name: .customLong("max_completed_tasks_per_framework"), help: "Ended tasks that are remembered.")
  var maxCompletedTasks = EnvironmentDefault.value("max_completed_tasks_per_framework", otherwise: 1000)
  @Option(
    name: .customLong("max_operator_event_stream_subscribers"), help: "Event streams of operators at a time.")
  var maxSubscribers = EnvironmentDefault.value("max_operator_event_stream_subscribers", otherwise: 1000)
  @Option(
    name: .customLong("external_log_file"),
    help: "File that something else writes our log to, to be shown as /master/log (default: standard error if a file).")
  var externalLogFile: String?
  @Option(name: .customLong("logging_level"), help: "DEBUG, INFO, WARNING or ERROR.")
  var loggingLevel = EnvironmentDefault.value("logging_level", otherwise: LogLevelFlag.info)

  mutating func validate() throws {
    EnvironmentDefault.fill(&hostname, "hostname")
    EnvironmentDefault.fill(&advertiseIP, "advertise_ip")
    EnvironmentDefault.fill(&cluster, "cluster")
    EnvironmentDefault.fill(&workDir, "work_dir")
    EnvironmentDefault.fill(&modulesDir, "modules_dir")
    EnvironmentDefault.fill(&modules, "modules")
    EnvironmentDefault.fill(&allocator, "allocator")
    EnvironmentDefault.fill(&roles, "roles")
    EnvironmentDefault.fill(&domain, "domain")
    EnvironmentDefault.fill(&externalLogFile, "external_log_file")
    if !(0...65535).contains(port) { throw ValidationError("--port is \(port); it must be from 0 to 65535") }
    if maxAgentPingTimeouts < 1 { throw ValidationError("--max_agent_ping_timeouts must be at least 1") }
    if maxSubscribers < 1 { throw ValidationError("--max_operator_event_stream_subscribers must be at least 1") }
    _ = try minimumOffer
    _ = try roleWeights
    _ = try domain.map(DomainFlag.parse)
  }

  func run() throws {
    let strangers = try EnvironmentDefault.check()
    ConsoleLog.install(level: loggingLevel)
    let logger = Logger(label: "master")
    let openFiles = OpenFiles.allowMost()
    if openFiles < 4096 {
      logger.warning("only \(openFiles) open files are allowed, which is the most connections that can be served")
    }
    for name in strangers { logger.warning("the environment variable \(name) belongs to no flag and is ignored") }

    let host: ModuleHost
    let policy: LoadedAllocator
    do throws(ModuleError) {
      host = try ModuleHost(
        product: "tepui-master", version: Product.version, directory: modulesDir, configuration: modules,
        logger: Logger(label: "modules"))
      policy = try host.loadAllocator(named: allocator)
    } catch {
      throw Refusal(error.message)
    }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    var configuration = try configuration(deadlineNs: policy.deadlineNs)
    do { configuration.whitelist = try Whitelist(flag: whitelist)?.read() } catch { throw Refusal("\(error)") }
    let daemon: MasterDaemon
    do {
      daemon = try MasterDaemon(
        configuration: configuration, flags: flags, registry: try registry(logger), policy: policy, modules: host,
        eventLoop: group.next(), logger: logger)
    } catch {
      throw Refusal("\(error)")
    }
    do { try daemon.listen(ip: ip, port: port) } catch { throw Refusal("\(error)") }
    Whitelist(flag: whitelist)?.watch(for: daemon)
    // Blocks until a signal ends the daemon.
    let end = daemon.waitForSignal()
    logger.info("ended by signal \(end)")
    try group.syncShutdownGracefully()
  }

  private func registry(_ logger: Logger) throws -> RecordStore? {
    guard let workDir else {
      logger.warning("No --work_dir: quotas, weights and the state of agents will not survive this process")
      return nil
    }
    guard mkdir(workDir, 0o755) == 0 || errno == EEXIST else {
      throw Refusal("--work_dir=\(workDir) cannot be made: \(String(cString: strerror(errno)))")
    }
    return try RecordStore(path: "\(workDir)/registry.db", survives: .powerFailure)
  }

  private func configuration(deadlineNs: Int64) throws -> MasterConfiguration {
    // Protocol fact 33: a new id for each life of a master.
    var generator: any RandomNumberGenerator = SystemRandomNumberGenerator()
    var configuration = MasterConfiguration(id: RandomUUID.make(using: &generator))
    let machine = MasterDaemon.machineName()
    configuration.ip = advertiseIP ?? (ip == "0.0.0.0" ? "127.0.0.1" : ip)
    configuration.hostname = hostname ?? (ip == "0.0.0.0" ? machine : configuration.ip)
    configuration.cluster = cluster
    configuration.version = Product.mesosVersion
    configuration.agentPingIntervalNs = agentPingTimeout.nanoseconds
    configuration.agentPingLimit = maxAgentPingTimeouts
    configuration.agentReregisterTimeoutNs = agentReregisterTimeout.nanoseconds
    configuration.allocationIntervalNs = allocationInterval.nanoseconds
    configuration.allocationDeadlineNs = deadlineNs
    configuration.offerTimeoutNs = offerTimeout.nanoseconds == 0 ? nil : offerTimeout.nanoseconds
    configuration.completedFrameworkLimit = maxCompletedFrameworks
    configuration.completedTaskLimit = maxCompletedTasks
    configuration.subscriberLimit = maxSubscribers
    configuration.roles = roles.map { Set($0.split(separator: ",").map(String.init)) }
    configuration.weights = try roleWeights
    configuration.domain = try domain.map(DomainFlag.parse)
    configuration.requiresAgentDomain = requireAgentDomain
    configuration.allowsRootSubmissions = rootSubmissions
    configuration.allocation.minimumOffer = try minimumOffer
    let limits = Pattern.Limits(memory: patternMemory.bytes, programSize: patternProgramSize)
    configuration.makePattern = { (regex) throws(ResourceError) in try Pattern(regex, limits: limits) }
    configuration.allocation.reservesGPUAgents = filterGPUs
    configuration.allocation.excludedFromFairness = excludedFromFairness.split(separator: ",").map(String.init)
    configuration.allocation.seed = UInt64.random(in: .min ... .max)
    return configuration
  }

  private var minimumOffer: MinimumOffer {
    get throws {
      MinimumOffer(
        anyOf: try minAllocatable.split(separator: "|").map { try $0.split(separator: ";").map(minimumAmount) })
    }
  }

  private func minimumAmount(_ part: Substring) throws -> MinimumOffer.Amount {
    let words = part.split(separator: ":").map { $0.filter { !$0.isWhitespace } }
    guard words.count == 2, let amount = Double(words[1]), amount > 0, amount.isFinite else {
      throw ValidationError(
        "--min_allocatable_resources has '\(part)'; it must be name:amount, such as cpus:0.01|mem:32")
    }
    return .init(words[0], Quantity(amount))
  }

  private var roleWeights: [String: Double] {
    get throws {
      var parsed: [String: Double] = [:]
      for part in weights.split(separator: ",") {
        let words = part.split(separator: "=")
        guard words.count == 2, let weight = Double(words[1]), weight >= 0.001, weight <= 1_000_000 else {
          throw ValidationError("--weights has '\(part)'; it must be role=weight, such as prod=2.5,batch=1")
        }
        parsed[String(words[0])] = weight
      }
      return parsed
    }
  }

  /// As /flags and /state show them.
  private var flags: [String: String] {
    var flags = [
      "ip": ip, "port": String(port), "hostname": hostname, "cluster": cluster, "work_dir": workDir,
      "modules_dir": modulesDir, "modules": modules, "allocator": allocator, "roles": roles,
      "domain": domain, "external_log_file": externalLogFile,
    ].compactMapValues { $0 }
    flags["allocation_interval"] = allocationInterval.description
    flags["offer_timeout"] = offerTimeout.description
    flags["min_allocatable_resources"] = minAllocatable
    flags["offer_constraints_re2_max_mem"] = patternMemory.description
    flags["offer_constraints_re2_max_program_size"] = String(patternProgramSize)
    flags["filter_gpu_resources"] = String(filterGPUs)
    flags["weights"] = weights.isEmpty ? nil : weights
    flags["root_submissions"] = String(rootSubmissions)
    flags["whitelist"] = whitelist
    flags["require_agent_domain"] = String(requireAgentDomain)
    flags["agent_ping_timeout"] = agentPingTimeout.description
    flags["max_agent_ping_timeouts"] = String(maxAgentPingTimeouts)
    flags["agent_reregister_timeout"] = agentReregisterTimeout.description
    flags["max_completed_frameworks"] = String(maxCompletedFrameworks)
    flags["max_completed_tasks_per_framework"] = String(maxCompletedTasks)
    flags["max_operator_event_stream_subscribers"] = String(maxSubscribers)
    flags["logging_level"] = loggingLevel.level.rawValue.uppercased()
    return flags
  }
}

/// Why the daemon does not start: one line.
struct Refusal: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
