import CLaunch
import Glibc
import ModuleHost

/// Everything that a container sees elsewhere than the host does: mounts of isolators, its root file system, volumes.
/// In the order in which it is made.
struct ContainerPlaces {
  enum Place: Equatable {
    case mount(PlanEntry.Mount)
    /// A symbolic link: what it holds, and its absolute path.
    case link(String, at: String)
    /// What lies there already cannot be written, or neither written nor read. In a root of its own only.
    case readOnly(String)
    case hidden(String)
  }

  private(set) var all: [Place] = []

  private let request: LaunchRequest
  private let plan: ContainerPlan

  init(_ request: LaunchRequest, plan: ContainerPlan) throws(LaunchFailure) {
    self.request = request
    self.plan = plan
    if let root = request.root { try addBase(of: root) }
    all += plan.mounts.map { .mount($0) }
    if request.root != nil { all += Self.kernels }
    for volume in request.volumes { try add(volume) }
  }

  private func failure(_ step: LaunchFailure.Step, _ message: String) -> LaunchFailure {
    LaunchFailure(step: step, message: message)
  }

  private static let cure = "activate the isolator 'namespaces' in --isolation"

  // MARK: Root file system

  /// What programs expect of a machine beside the files of the image.
  private mutating func addBase(of root: String) throws(LaunchFailure) {
    guard plan.namespaces.contains(.mount) else {
      throw failure(.root, "a root file system of its own needs a mount namespace: \(Self.cure)")
    }
    guard Files.isDirectory(root) else {
      throw failure(.root, "the root file system \(root) is not a directory on this agent")
    }
    let nothingElse: PlanEntry.Mount.Flags = [.noSUID, .noDevices, .noExecute]
    mountUnlessPlanned("proc", at: "/proc", flags: nothingElse)
    mountUnlessPlanned("sysfs", at: "/sys", flags: nothingElse.union(.readOnly))
    mountUnlessPlanned("tmpfs", at: "/dev", "mode=755,size=65536k", flags: [.noSUID, .noExecute])
    for name in ["null", "zero", "full", "random", "urandom", "tty"] {
      all.append(.mount(.init(type: "", source: "/dev/\(name)", target: "/dev/\(name)", flags: .bind)))
    }
    let links = [
      ("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2"), ("ptmx", "pts/ptmx"),
    ]
    for (name, content) in links { all.append(.link(content, at: "/dev/\(name)")) }
    mountUnlessPlanned(
      "devpts", at: "/dev/pts", "newinstance,ptmxmode=0666,mode=0620", flags: [.noSUID, .noExecute])
    mountUnlessPlanned("tmpfs", at: "/dev/shm", "mode=1777,size=65536k", flags: nothingElse)
    if !plan.mounts(at: "/tmp") {
      all.append(
        .mount(.init(type: "", source: "tmp", target: "/tmp", flags: [.bind, .fromSandbox, .forAll])))
    }
    // Names are looked up as the host does it, whose network it has.
    for file in ["/etc/resolv.conf", "/etc/hosts"] where Self.isPlainOrMissing(root + file) && access(file, R_OK) == 0 {
      all.append(.mount(.init(type: "", source: file, target: file, flags: [.bind, .readOnly])))
    }
  }

  /// What is the whole machine's in a container's own /proc and /sys. Root may not change it, whatever its capabilities
  /// are: files in /proc/sys ask for none. The same paths as of other container runtimes.
  private static let kernels: [Place] =
    ["bus", "fs", "irq", "sys", "sysrq-trigger"].map { .readOnly("/proc/\($0)") }
    + ["acpi", "asound", "kcore", "keys", "latency_stats", "sched_debug", "scsi", "timer_list", "timer_stats"]
    .map { .hidden("/proc/\($0)") }
    + ["firmware", "devices/virtual/powercap"].map { .hidden("/sys/\($0)") }

  private mutating func mountUnlessPlanned(
    _ type: String, at target: String, _ options: String = "", flags: PlanEntry.Mount.Flags
  ) {
    if plan.mounts(at: target) { return }
    all.append(.mount(.init(type: type, source: type, target: target, options: options, flags: flags)))
  }

  private static func isPlainOrMissing(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & S_IFMT == S_IFREG : errno == ENOENT
  }

  // MARK: Volumes

  /// Mounted where there is a mount namespace; else a link in the sandbox, as Mesos has it without one.
  private mutating func add(_ volume: LaunchRequest.Volume) throws(LaunchFailure) {
    let path = volume.containerPath
    let sandbox = request.description.sandbox
    let target = path.hasPrefix("/") ? path : "\(sandbox)/\(path)"
    if let source = volume.source.hostPath, access(source, F_OK) != 0 {
      throw failure(.mount, "the volume at \(path): cannot find the host's path \(SystemFailure(source))")
    }
    if plan.namespaces.contains(.mount) {
      let access: PlanEntry.Mount.Flags = volume.isReadOnly ? [.bind, .recursive, .readOnly] : [.bind, .recursive]
      switch volume.source {
      case .host(let source): all.append(.mount(.init(type: "", source: source, target: target, flags: access)))
      case .hostWithoutLinks(let source):
        all.append(.mount(.init(type: "", source: source, target: target, flags: access.union(.noLinks))))
      case .sandbox(let source):
        all.append(.mount(.init(type: "", source: source, target: target, flags: access.union(.fromSandbox))))
      }
      return
    }
    guard let source = volume.source.hostPath, !path.hasPrefix("/"), !volume.isReadOnly else {
      throw failure(.mount, "the volume at \(path) needs a mount namespace: \(Self.cure)")
    }
    all.append(.link(source, at: target))
  }
}

extension LaunchRequest.Volume.Source {
  fileprivate var hostPath: String? {
    switch self {
    case .host(let path), .hostWithoutLinks(let path): path
    case .sandbox: nil
    }
  }
}
