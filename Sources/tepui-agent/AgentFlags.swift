import ArgumentParser
import Daemon

/// The flags, by Mesos' names where Mesos has them. A text that is not given is empty.
struct AgentFlags: ParsableArguments {
  @Option(name: .customLong("master"), help: "The master, as host:port.")
  var master: String = EnvironmentDefault.value("master", otherwise: "")

  @Option(name: .customLong("ip"), help: "Address to listen at (default: that of the host's name).")
  var ip: String = EnvironmentDefault.value("ip", otherwise: "")

  @Option(name: .customLong("port"), help: "Port to listen at; 0 lets the system choose.")
  var port: Int = EnvironmentDefault.value("port", otherwise: 5051)

  @Option(name: .customLong("hostname"), help: "Name of this machine in offers (default: the host's name).")
  var hostname: String = EnvironmentDefault.value("hostname", otherwise: "")

  @Option(name: .customLong("work_dir"), help: "Directory for sandboxes and checkpoints. Required.")
  var workDirectory: String = EnvironmentDefault.value("work_dir", otherwise: "")

  @Option(
    name: .customLong("runtime_dir"),
    help: "Directory for what need not outlive a boot (default: a directory of this agent in /run/tepui).")
  var runtimeDirectory: String = EnvironmentDefault.value("runtime_dir", otherwise: "")

  @Option(
    name: .customLong("resources"),
    help: ArgumentHelp(
      "What to offer: 'cpus:4;mem:8192;ports:[31000-32000]' (MB). What is not named is detected.",
      discussion: "Or a JSON array of Mesos' Resource objects, or file:// and the path of a file with either."))
  var resources: String = EnvironmentDefault.value("resources", otherwise: "")

  @Option(name: .customLong("attributes"), help: "What to tell of this machine: 'rack:a1;ssd:true'.")
  var attributes: String = EnvironmentDefault.value("attributes", otherwise: "")

  @Option(
    name: .customLong("domain"),
    help: ArgumentHelp(
      "Region and zone of this machine, as JSON or a file with it; the master must have a domain, too.",
      discussion: #"'{"fault_domain": {"region": {"name": "eu"}, "zone": {"name": "rack2"}}}'"#))
  var domain: String = EnvironmentDefault.value("domain", otherwise: "")

  @Option(
    name: .customLong("modules"), help: "Modules: JSON or a file with it (default: modules.json of --modules_dir).")
  var modules: String = EnvironmentDefault.value("modules", otherwise: "")

  @Option(name: .customLong("modules_dir"), help: "Directory with modules (*.so) and modules.json.")
  var modulesDirectory: String = EnvironmentDefault.value("modules_dir", otherwise: "")

  @Option(name: .customLong("isolation"), help: "Isolator modules in order, by comma (default: those of modules.json).")
  var isolation: String = EnvironmentDefault.value("isolation", otherwise: "")

  @Option(
    name: .customLong("rootfs_dir"),
    help: "Directory with root file systems: a container with the image NAME gets the directory NAME in it, read-only.")
  var rootDirectory: String = EnvironmentDefault.value("rootfs_dir", otherwise: "")

  @Option(name: .customLong("cgroups_root"), help: "Name of the cgroup below which containers get theirs.")
  var cgroupsRoot: String = EnvironmentDefault.value("cgroups_root", otherwise: "tepui")

  @Option(name: .customLong("executor_registration_timeout"), help: "Time for a launched executor to subscribe.")
  var executorRegistrationTimeout: DurationFlag = EnvironmentDefault.value(
    "executor_registration_timeout", otherwise: .seconds(60))

  @Option(
    name: .customLong("executor_reregistration_timeout"),
    help: "Time for executors to subscribe again after a restart of the agent; 15secs at most.")
  var executorReregistrationTimeout: DurationFlag = EnvironmentDefault.value(
    "executor_reregistration_timeout", otherwise: .seconds(2))

  @Option(name: .customLong("executor_shutdown_grace_period"), help: "Time for executors to end after SHUTDOWN.")
  var executorShutdownGracePeriod: DurationFlag = EnvironmentDefault.value(
    "executor_shutdown_grace_period", otherwise: .seconds(5))

  @Option(name: .customLong("recover"), help: "What to do with tasks of an earlier agent: reconnect or cleanup.")
  var recover: RecoverFlag = EnvironmentDefault.value("recover", otherwise: .reconnect)

  @Option(name: .customLong("switch_user"), help: "Run tasks as the user of their command or framework (true, false).")
  var switchUser: Bool = EnvironmentDefault.value("switch_user", otherwise: true)

  @Option(
    name: .customLong("registration_backoff_factor"),
    help: "The agent waits for a random time up to this before it connects again, twice as long each time, up to 1mins."
  )
  var registrationBackoffFactor: DurationFlag = EnvironmentDefault.value(
    "registration_backoff_factor", otherwise: .seconds(1))

  @Option(
    name: .customLong("launcher_dir"),
    help: "Directory of tepui-supervisor and tepui-fetcher (default: that of this program).")
  var launcherDirectory: String = EnvironmentDefault.value("launcher_dir", otherwise: "")

  @Option(
    name: .customLong("executor_environment_variables"),
    help: "Environment of executors and command tasks: a JSON object, or a file with one.")
  var executorEnvironmentVariables: String = EnvironmentDefault.value("executor_environment_variables", otherwise: "")

  @Option(
    name: .customLong("fetcher_cache_dir"),
    help: "Directory for files that are fetched with 'cache' (default: fetch in --work_dir).")
  var fetcherCacheDirectory: String = EnvironmentDefault.value("fetcher_cache_dir", otherwise: "")

  @Option(name: .customLong("fetcher_cache_size"), help: "Most that these files may take; 0B caches nothing.")
  var fetcherCacheSize: BytesFlag = EnvironmentDefault.value("fetcher_cache_size", otherwise: BytesFlag(bytes: 2 << 30))

  @Option(
    name: .customLong("fetcher_stall_timeout"),
    help: "A transfer that moves less than a byte a second for so long is given up; whole seconds.")
  var fetcherStallTimeout: DurationFlag = EnvironmentDefault.value("fetcher_stall_timeout", otherwise: .seconds(60))

  @Option(name: .customLong("frameworks_home"), help: "Directory that URIs without scheme and slash are relative to.")
  var frameworksHome: String = EnvironmentDefault.value("frameworks_home", otherwise: "")

  @Option(
    name: .customLong("gc_delay"),
    help: "How long sandboxes of ended containers stay at most; the fuller the disk, the shorter.")
  var gcDelay: DurationFlag = EnvironmentDefault.value("gc_delay", otherwise: .seconds(604_800))

  @Option(
    name: .customLong("gc_disk_headroom"),
    help: "They stay for gc_delay * max(0, 1 - gc_disk_headroom - disk usage), with both as parts of 1.")
  var gcDiskHeadroom: Double = EnvironmentDefault.value("gc_disk_headroom", otherwise: 0.1)

  @Option(name: .customLong("disk_watch_interval"), help: "Time between two looks for sandboxes to delete.")
  var diskWatchInterval: DurationFlag = EnvironmentDefault.value("disk_watch_interval", otherwise: .seconds(60))

  @Option(
    name: .customLong("external_log_file"),
    help: "File that something else writes our log to, to be shown as /slave/log (default: standard error if a file).")
  var externalLogFile: String = EnvironmentDefault.value("external_log_file", otherwise: "")

  @Option(
    name: .customLong("max_stdout_size"),
    help: ArgumentHelp(
      "A task's stdout that is as large becomes stdout.1, and so on; 0B lets it grow.",
      discussion: "The variable CONTAINER_LOGGER_MAX_STDOUT_SIZE of a command wins, and that for STDERR likewise."))
  var maxStdoutSize: BytesFlag = EnvironmentDefault.value("max_stdout_size", otherwise: BytesFlag(bytes: 0))

  @Option(name: .customLong("max_stderr_size"), help: "Likewise for stderr.")
  var maxStderrSize: BytesFlag = EnvironmentDefault.value("max_stderr_size", otherwise: BytesFlag(bytes: 0))

  @Option(name: .customLong("rotated_files"), help: "How many of these older files are kept of each.")
  var rotatedFiles: UInt16 = EnvironmentDefault.value("rotated_files", otherwise: 9)

  @Option(name: .customLong("logging_level"), help: "Least level of log lines.")
  var loggingLevel: LogLevelFlag = EnvironmentDefault.value("logging_level", otherwise: .info)

  /// Names and values as `/flags` tells them; flags without a value are left out.
  var described: [String: String] {
    let values = [
      ("master", master), ("ip", ip), ("port", String(port)), ("hostname", hostname), ("work_dir", workDirectory),
      ("runtime_dir", runtimeDirectory),
      ("resources", resources), ("attributes", attributes), ("domain", domain), ("modules", modules),
      ("modules_dir", modulesDirectory),
      ("isolation", isolation), ("rootfs_dir", rootDirectory), ("cgroups_root", cgroupsRoot),
      ("executor_registration_timeout", executorRegistrationTimeout.description),
      ("executor_reregistration_timeout", executorReregistrationTimeout.description),
      ("executor_shutdown_grace_period", executorShutdownGracePeriod.description), ("recover", recover.rawValue),
      ("switch_user", String(switchUser)), ("registration_backoff_factor", registrationBackoffFactor.description),
      ("launcher_dir", launcherDirectory), ("executor_environment_variables", executorEnvironmentVariables),
      ("fetcher_cache_dir", fetcherCacheDirectory), ("fetcher_cache_size", fetcherCacheSize.description),
      ("fetcher_stall_timeout", fetcherStallTimeout.description), ("frameworks_home", frameworksHome),
      ("gc_delay", gcDelay.description), ("gc_disk_headroom", String(gcDiskHeadroom)),
      ("disk_watch_interval", diskWatchInterval.description), ("external_log_file", externalLogFile),
      ("max_stdout_size", maxStdoutSize.description), ("max_stderr_size", maxStderrSize.description),
      ("rotated_files", String(rotatedFiles)), ("logging_level", loggingLevel.defaultValueDescription),
    ]
    return Dictionary(uniqueKeysWithValues: values.filter { !$0.1.isEmpty })
  }
}

extension String {
  /// nil for a flag that is not given.
  var given: String? { isEmpty ? nil : self }
}

enum RecoverFlag: String, ExpressibleByArgument, CaseIterable {
  case reconnect, cleanup
}
