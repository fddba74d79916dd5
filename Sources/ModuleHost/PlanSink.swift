import CTepui

/// Collects what an isolator wants in one call of `plan`; shut outside of it.
final class PlanSink {
  let pointer: UnsafePointer<tepui_plan_sink>
  private let memory = UnsafeMutablePointer<tepui_plan_sink>.allocate(capacity: 1)
  private let controllers: Set<String>
  private var entries: [PlanEntry] = []
  private var violations: [String] = []
  let door = SinkDoor()
  private var running = false

  /// More entries than any sensible plan has.
  private static let limit = 1024

  init(controllers: [String]) {
    // Files named cgroup.* belong to no controller.
    self.controllers = Set(controllers).union(["cgroup"])
    pointer = UnsafePointer(memory)
    memory.initialize(
      to: tepui_plan_sink(
        size: UInt32(MemoryLayout<tepui_plan_sink>.size), context: nil,
        cgroup: { context, file, value in
          PlanSink.with(context) { (sink) throws(Violation) in try sink.cgroup(file, value) }
        },
        watch: { context, watch in PlanSink.with(context) { (sink) throws(Violation) in try sink.watch(watch) } },
        environment: { context, name, value in
          PlanSink.with(context) { (sink) throws(Violation) in try sink.environment(name, value) }
        },
        rlimit: { context, name, soft, hard in
          PlanSink.with(context) { (sink) throws(Violation) in try sink.rlimit(name, soft, hard) }
        },
        namespaces: { context, flags in
          PlanSink.with(context) { (sink) throws(Violation) in try sink.namespaces(flags) }
        },
        mount: { context, mount in PlanSink.with(context) { (sink) throws(Violation) in try sink.mount(mount) } },
        cgroup_if_present: { context, file, value in
          PlanSink.with(context) { (sink) throws(Violation) in try sink.cgroup(file, value, ifPresent: true) }
        },
        device: { context, device in PlanSink.with(context) { (sink) throws(Violation) in try sink.device(device) } },
        disk: { context, disk in PlanSink.with(context) { (sink) throws(Violation) in try sink.disk(disk) } },
        hostname: { context, name in
          PlanSink.with(context) { (sink) throws(Violation) in try sink.hostname(name) }
        },
        capabilities: { context, bounding, ofRoot, ofOthers in
          PlanSink.with(context) { (sink) throws(Violation) in
            try sink.capabilities(.init(bounding: bounding, ofRoot: ofRoot, ofOthers: ofOthers))
          }
        },
        no_new_privileges: { context in
          PlanSink.with(context) { (sink) throws(Violation) in
            try sink.requireLaunch("no_new_privs")
            return .noNewPrivileges
          }
        },
        seccomp: { context, filter, length, flags in
          PlanSink.with(context) { (sink) throws(Violation) in try sink.seccomp(filter, length, flags) }
        }))
    memory.pointee.context = Unmanaged.passUnretained(self).toOpaque()
  }

  deinit { memory.deallocate() }

  func open(running: Bool) {
    (entries, violations) = ([], [])
    self.running = running
    door.open()
  }

  func close() -> (entries: [PlanEntry], violations: [String]) {
    door.close()
    return (entries, violations)
  }

  /// What is not allowed, told to the module as TEPUI_INVALID.
  private struct Violation: Error {
    let text: String
    init(_ text: String) { self.text = text }
  }

  private static func with(
    _ context: UnsafeMutableRawPointer?, _ body: (PlanSink) throws(Violation) -> PlanEntry
  ) -> tepui_status {
    guard let context else { return TEPUI_INVALID }
    return Unmanaged<PlanSink>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.collect(body) }
  }

  private func collect(_ body: (PlanSink) throws(Violation) -> PlanEntry) -> tepui_status {
    guard door.admits() else { return TEPUI_INVALID }
    do throws(Violation) {
      guard entries.count < Self.limit else { throw Violation("more than \(Self.limit) entries") }
      entries.append(try body(self))
      return TEPUI_OK
    } catch {
      if violations.count < Self.limit { violations.append(error.text) }
      return TEPUI_INVALID
    }
  }

  private func cgroup(_ file: tepui_text, _ value: tepui_text, ifPresent: Bool = false) throws(Violation) -> PlanEntry {
    let file = try cgroupFile(file)
    let value = try text(value, "value of \(file)")
    return ifPresent ? .cgroupIfPresent(file: file, value: value) : .cgroup(file: file, value: value)
  }

  private func watch(_ pointer: UnsafePointer<tepui_watch>?) throws(Violation) -> PlanEntry {
    guard let pointer, let watch: tepui_watch = adopt(pointer, through: \.key) else {
      throw Violation("a watch without a file and a key")
    }
    guard let limitation = PlanEntry.Watch.Limitation(rawValue: watch.limitation) else {
      throw Violation("a watch with the limitation \(watch.limitation), which this host does not know")
    }
    let key = try text(watch.key, "key of a watch")
    guard !key.isEmpty else { throw Violation("a watch without a key") }
    guard watch.least >= 0 else { throw Violation("a watch of \(key) that counts from \(watch.least) on") }
    return .watch(
      .init(
        limitation: limitation, file: try cgroupFile(watch.file), key: key,
        resource: try text(watch.resource, "resource of a watch"), limitFile: try fileOrNone(watch.limit_file),
        peakFile: try fileOrNone(watch.peak_file), pressureFile: try fileOrNone(watch.pressure_file),
        cause: try cause(of: watch), least: UInt64(max(watch.least, 1))))
  }

  private func cause(of watch: tepui_watch) throws(Violation) -> PlanEntry.Watch.Cause? {
    guard watch.cause_file.length > 0 else { return nil }
    let key = try text(watch.cause_key, "key of a watch's cause")
    guard !key.isEmpty else { throw Violation("a watch whose cause has a file and no key") }
    return .init(file: try cgroupFile(watch.cause_file), key: key)
  }

  private func fileOrNone(_ file: tepui_text) throws(Violation) -> String {
    file.length > 0 ? try cgroupFile(file) : ""
  }

  private func environment(_ name: tepui_text, _ value: tepui_text) throws(Violation) -> PlanEntry {
    try requireLaunch("an environment variable")
    let name = try text(name, "name of an environment variable")
    guard !name.isEmpty, !name.contains("=") else { throw Violation("an environment variable named \"\(name)\"") }
    return .environment(name: name, value: try text(value, "value of \(name)"))
  }

  private func rlimit(_ name: tepui_text, _ soft: UInt64, _ hard: UInt64) throws(Violation) -> PlanEntry {
    try requireLaunch("a resource limit")
    let name = try text(name, "name of a resource limit")
    guard Self.rlimits.contains(name) else {
      throw Violation("the resource limit \"\(name)\"; there are \(Self.rlimits.joined(separator: ", "))")
    }
    guard soft <= hard else { throw Violation("the resource limit \(name) with a soft limit above the hard one") }
    return .rlimit(name: name, soft: soft, hard: hard)
  }

  private static let rlimits = [
    "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
    "rttime", "sigpending", "stack",
  ]

  private func namespaces(_ flags: UInt32) throws(Violation) -> PlanEntry {
    try requireLaunch("a namespace")
    let known: PlanEntry.Namespaces = [.mount, .pid, .ipc, .uts, .network, .cgroup]
    let asked = PlanEntry.Namespaces(rawValue: flags)
    guard known.isSuperset(of: asked) else {
      throw Violation("namespaces \(flags), of which this host does not know all")
    }
    return .namespaces(asked)
  }

  private func mount(_ pointer: UnsafePointer<tepui_mount>?) throws(Violation) -> PlanEntry {
    try requireLaunch("a mount")
    guard let pointer, let mount: tepui_mount = adopt(pointer, through: \.target) else {
      throw Violation("a mount without a target")
    }
    let target = try text(mount.target, "target of a mount")
    guard target.hasPrefix("/"), !target.split(separator: "/").contains("..") else {
      throw Violation("a mount on \"\(target)\", which is no absolute path without ..")
    }
    let flags = PlanEntry.Mount.Flags(rawValue: mount.flags)
    guard PlanEntry.Mount.Flags.known.isSuperset(of: flags) else {
      throw Violation("a mount on \(target) with flags \(mount.flags), of which this host does not know all")
    }
    return .mount(
      .init(
        type: try text(mount.type, "type of a mount"), source: try text(mount.source, "source of a mount"),
        target: target, options: try text(mount.options, "options of a mount"), flags: flags))
  }

  private func hostname(_ name: tepui_text) throws(Violation) -> PlanEntry {
    try requireLaunch("a host's name")
    let name = try text(name, "host's name")
    guard !name.isEmpty, name.utf8.count <= 64 else {
      throw Violation("the host's name \"\(name)\", which must have 1 to 64 bytes")
    }
    return .hostname(name)
  }

  private func capabilities(_ sets: PlanEntry.Capabilities) throws(Violation) -> PlanEntry {
    try requireLaunch("a set of capabilities")
    guard (sets.ofRoot | sets.ofOthers) & ~sets.bounding == 0 else {
      throw Violation("capabilities beyond the bounding set")
    }
    return .capabilities(sets)
  }

  private func seccomp(_ filter: UnsafeRawPointer?, _ length: UInt64, _ flags: UInt32) throws(Violation) -> PlanEntry {
    try requireLaunch("a filter of system calls")
    guard let filter, length > 0, length % 8 == 0, length <= 4096 * 8 else {
      throw Violation("a filter of \(length) bytes; it must be 1 to 4096 instructions of 8 bytes")
    }
    guard flags & ~6 == 0 else { throw Violation("a filter with flags \(flags), of which this host does not know all") }
    return .seccomp(filter: Array(UnsafeRawBufferPointer(start: filter, count: Int(length))), flags: flags)
  }

  private func device(_ pointer: UnsafePointer<tepui_device>?) throws(Violation) -> PlanEntry {
    try requireLaunch("a device")
    guard let pointer, let device: tepui_device = adopt(pointer, through: \.minor) else {
      throw Violation("a device without its numbers")
    }
    guard let kind = PlanEntry.Device.Kind(rawValue: device.kind) else {
      throw Violation("a device of the kind \(device.kind), which this host does not know")
    }
    let known = TEPUI_DEVICE_READ | TEPUI_DEVICE_WRITE | TEPUI_DEVICE_MAKE
    guard device.access != 0, device.access & ~known == 0 else {
      throw Violation("a device with the access \(device.access), of which this host does not know all")
    }
    return .device(
      .init(
        access: device.access, kind: kind, major: try number(device.major, ofDevice: "major"),
        minor: try number(device.minor, ofDevice: "minor")))
  }

  /// -1 is any.
  private func number(_ number: Int64, ofDevice what: String) throws(Violation) -> UInt32? {
    if number == -1 { return nil }
    guard let number = UInt32(exactly: number), number <= Int32.max else {
      throw Violation("a device with the \(what) number \(number)")
    }
    return number
  }

  private func disk(_ pointer: UnsafePointer<tepui_disk>?) throws(Violation) -> PlanEntry {
    guard let pointer, let disk: tepui_disk = adopt(pointer, through: \.interval_ns) else {
      throw Violation("a disk without path, limit and interval")
    }
    let path = try text(disk.path, "path of a disk")
    guard path.hasPrefix("/"), !path.split(separator: "/").contains("..") else {
      throw Violation("a disk at \"\(path)\", which is no absolute path without ..")
    }
    guard disk.flags & ~TEPUI_DISK_ENFORCE == 0 else {
      throw Violation("a disk with flags \(disk.flags), of which this host does not know all")
    }
    guard disk.limit_bytes >= 0, disk.interval_ns >= Self.shortestIntervalNs else {
      throw Violation("a disk with the limit \(disk.limit_bytes) and the interval \(disk.interval_ns) ns")
    }
    return .disk(
      .init(
        path: path, limitBytes: disk.limit_bytes == .max ? nil : disk.limit_bytes,
        isEnforced: disk.flags & TEPUI_DISK_ENFORCE != 0, intervalNs: disk.interval_ns))
  }

  private static let shortestIntervalNs: Int64 = 10_000_000

  private func requireLaunch(_ what: String) throws(Violation) {
    if running { throw Violation("\(what) for a running container") }
  }

  private func text(_ text: tepui_text, _ what: String) throws(Violation) -> String {
    guard let string = String(text) else { throw Violation("a \(what) that is no text") }
    return string
  }

  /// A file of the container's own cgroup, of a controller that the agent has.
  private func cgroupFile(_ file: tepui_text) throws(Violation) -> String {
    let file = try text(file, "cgroup file name")
    let words = file.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard words.count == 2, !words[1].isEmpty, !file.contains("/") else {
      throw Violation("the cgroup file \"\(file)\"")
    }
    guard controllers.contains(String(words[0])) else {
      throw Violation("the cgroup file \(file), but this agent does not have the controller \(words[0])")
    }
    return file
  }
}
