import Wire

/// What a ContainerInfo of type MESOS asks for, in the agent's own terms.
public struct ContainerSetup: Equatable, Sendable {
  /// Absolute path of the directory that is the root file system; nil is the agent's own.
  public var root: String?
  public var volumes: [Volume] = []
  public var rlimits: [ResourceLimit] = []
  public var hostname = ""
  /// Sets of capabilities, bit `1 << CAP_...`.
  public var effectiveCapabilities: UInt64?
  public var boundingCapabilities: UInt64?
  public var seccompProfile = ""
  public var isUnconfined = false
  /// Of /dev/shm; 0: not said.
  public var shmBytes: Int64 = 0
  public var sharesHostPID = false
  public var sharesHostIPC = false

  /// Where a container with a root file system of its own sees its sandbox (protocol fact 107).
  public static let sandboxInRoot = "/mnt/mesos/sandbox"

  public struct Volume: Equatable, Sendable {
    public enum Source: Equatable, Sendable {
      /// Absolute path on the agent.
      case host(String)
      /// Below the sandbox.
      case sandbox(String)
    }
    public var source: Source
    public var containerPath: String
    public var isReadOnly: Bool
  }

  public struct ResourceLimit: Equatable, Sendable {
    /// As in setrlimit(2), lower case, without prefix.
    public var name: String
    public var soft: UInt64
    public var hard: UInt64
  }

  /// Why an agent cannot do what a ContainerInfo says.
  struct Refusal: Error, Equatable {
    let reason: String
    init(_ reason: String) { self.reason = reason }
  }

  init() {}

  /// - Parameter rootDirectory: absolute; the root file system of an image `name` is the directory `name` in it.
  init(_ info: MesosContainerInfo, rootDirectory: String?) throws(Refusal) {
    guard info.type == .mesos || !info.hasType else {
      throw Refusal("ContainerInfo.type DOCKER is not supported: this agent contains tasks itself; use type MESOS")
    }
    guard !info.hasTtyInfo else {
      throw Refusal("ContainerInfo.tty_info is not supported: this agent gives no terminals")
    }
    if let network = info.networkInfos.first(where: { !$0.name.isEmpty }) {
      throw Refusal("network '\(network.name)' is not there: containers of this agent have the host's network")
    }
    if info.hasMesos, info.mesos.hasImage { root = try Self.root(of: info.mesos.image, in: rootDirectory) }
    // What tasks share with their pod is SharedPath's.
    for volume in info.volumes where !SharedPath.isShared(volume) { volumes.append(try Volume(volume)) }
    for limit in info.rlimitInfo.rlimits { rlimits.append(try ResourceLimit(limit)) }
    hostname = info.hostname
    try take(info.linuxInfo)
  }

  private mutating func take(_ info: MesosLinuxInfo) throws(Refusal) {
    // `capability_info` is the older name of the effective set.
    let effective = info.hasEffectiveCapabilities ? info.effectiveCapabilities : info.capabilityInfo
    if info.hasEffectiveCapabilities || info.hasCapabilityInfo { effectiveCapabilities = try Self.set(effective) }
    if info.hasBoundingCapabilities { boundingCapabilities = try Self.set(info.boundingCapabilities) }
    if let effectiveCapabilities, let boundingCapabilities, effectiveCapabilities & ~boundingCapabilities != 0 {
      throw Refusal("effective_capabilities holds some that bounding_capabilities does not")
    }
    if info.hasSeccomp {
      guard !info.seccomp.unconfined || !info.seccomp.hasProfileName else {
        throw Refusal("seccomp: profile_name and unconfined exclude each other")
      }
      seccompProfile = info.seccomp.profileName
      isUnconfined = info.seccomp.unconfined
    }
    sharesHostPID = info.sharePidNamespace
    sharesHostIPC = info.ipcMode == .shareParent
    guard !info.hasShmSize || !sharesHostIPC else {
      throw Refusal("shm_size needs the ipc_mode PRIVATE")
    }
    // Mesos counts it in megabytes.
    shmBytes = Int64(info.shmSize) << 20
  }

  /// Mesos numbers a capability as the kernel does, plus 1000.
  private static func set(_ info: MesosCapabilityInfo) throws(Refusal) -> UInt64 {
    var set: UInt64 = 0
    for capability in info.capabilities {
      let number = capability.rawValue - 1000
      guard (0..<64).contains(number) else { throw Refusal("unknown capability \(capability.rawValue)") }
      set |= 1 << UInt64(number)
    }
    return set
  }

  private static func root(of image: MesosImage, in directory: String?) throws(Refusal) -> String {
    let name = image.type == .docker ? image.docker.name : image.appc.name
    guard let directory else {
      throw Refusal(
        "image '\(name)' is not there: this agent fetches no images; with --rootfs_dir it takes a directory of that name"
      )
    }
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard !parts.isEmpty, parts.allSatisfy({ AgentCore.isPathComponent(String($0)) }) else {
      throw Refusal("image '\(name)' is not a name of a directory below --rootfs_dir")
    }
    return "\(directory)/\(name)"
  }
}

extension ContainerSetup.Volume {
  init(_ volume: MesosVolume) throws(ContainerSetup.Refusal) {
    containerPath = volume.containerPath
    isReadOnly = volume.mode == .ro
    let place = "the volume at '\(containerPath)'"
    func isPlain(_ path: String) -> Bool { !path.split(separator: "/").contains("..") && !path.utf8.contains(0) }
    guard containerPath.split(separator: "/").contains(where: { $0 != "." }), isPlain(containerPath) else {
      throw ContainerSetup.Refusal("\(place) has no container_path that can be: it must name something, without ..")
    }
    guard !volume.hasImage else {
      throw ContainerSetup.Refusal("\(place) is an image, which is not supported")
    }
    let hostPath: String
    if volume.hasHostPath {
      hostPath = volume.hostPath
    } else if volume.source.type == .hostPath {
      hostPath = volume.source.hostPath.path
      guard volume.source.hostPath.mountPropagation.mode == .unknown else {
        throw ContainerSetup.Refusal("\(place) asks for mount_propagation, which is not supported")
      }
    } else if volume.source.type == .sandboxPath, volume.source.sandboxPath.type == .self_ {
      source = .sandbox(volume.source.sandboxPath.path)
      try check(volume.source.sandboxPath.path, place)
      return
    } else {
      throw ContainerSetup.Refusal(
        "\(place) is neither HOST_PATH nor SANDBOX_PATH of type SELF, which alone are supported")
    }
    // A relative one means the sandbox, as in Mesos.
    source = hostPath.hasPrefix("/") ? .host(hostPath) : .sandbox(hostPath)
    if case .sandbox(let path) = source { try check(path, place) }
  }

  private func check(_ path: String, _ place: String) throws(ContainerSetup.Refusal) {
    let parts = path.split(separator: "/")
    guard !path.hasPrefix("/"), !parts.isEmpty, !parts.contains(".."), !path.utf8.contains(0) else {
      throw ContainerSetup.Refusal("\(place) has the path '\(path)', which is not one below the sandbox")
    }
  }
}

extension ContainerSetup.ResourceLimit {
  init(_ limit: MesosRLimitInfo.RLimit) throws(ContainerSetup.Refusal) {
    guard let name = Self.names[limit.type] else { throw ContainerSetup.Refusal("rlimit_info holds an unknown limit") }
    guard limit.hasSoft == limit.hasHard else {
      throw ContainerSetup.Refusal("the rlimit \(name) has only one of soft and hard; give both, or none for no limit")
    }
    guard limit.soft <= limit.hard else { throw ContainerSetup.Refusal("the rlimit \(name) has soft above hard") }
    self.name = name
    soft = limit.hasSoft ? limit.soft : .max
    hard = limit.hasHard ? limit.hard : .max
  }

  private static let names: [MesosRLimitInfo.RLimit.TypeEnum: String] = [
    .rlmtAs: "as", .rlmtCore: "core", .rlmtCpu: "cpu", .rlmtData: "data", .rlmtFsize: "fsize", .rlmtLocks: "locks",
    .rlmtMemlock: "memlock", .rlmtMsgqueue: "msgqueue", .rlmtNice: "nice", .rlmtNofile: "nofile",
    .rlmtNproc: "nproc", .rlmtRss: "rss", .rlmtRtprio: "rtprio", .rlmtRttime: "rttime",
    .rlmtSigpending: "sigpending", .rlmtStack: "stack",
  ]
}
