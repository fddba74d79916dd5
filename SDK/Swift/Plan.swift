import CTepui

/// Where a plan goes. Must not be kept after `plan` returns.
///
/// Every function answers whether its wish is allowed. The agent refuses a plan with anything in it that is never
/// allowed, so no answer need be looked at.
public struct Plan {
  let sink: UnsafePointer<tepui_plan_sink>

  /// Writes `value` to `file` in the container's cgroup: `memory.max`.
  @discardableResult
  public func cgroup(_ file: String, _ value: String) -> Bool {
    withText(file) { file in withText(value) { sink.pointee.cgroup?(sink.pointee.context, file, $0) == TEPUI_OK } }
  }

  /// The same, but left out where the kernel has no such file: for wishes that hold then anyway, such as no swap on a
  /// kernel without swap.
  @discardableResult
  public func cgroupIfPresent(_ file: String, _ value: String) -> Bool {
    withText(file) { file in
      withText(value) { sink.pointee.cgroup_if_present?(sink.pointee.context, file, $0) == TEPUI_OK }
    }
  }

  /// Ends the container when a number rises, or tells of it; also for a running container.
  @discardableResult
  public func watch(_ watch: Watch) -> Bool {
    watch.withRaw { sink.pointee.watch?(sink.pointee.context, $0) == TEPUI_OK }
  }

  /// Measures the use of a directory, an absolute path such as the container's sandbox, every `intervalNs`; also for a
  /// running container. Only one isolator may. Nil is no limit; over its limit the container ends if that is `enforced`.
  @discardableResult
  public func disk(_ path: String, limitBytes: Int64?, enforced: Bool, intervalNs: Int64) -> Bool {
    withText(path) { path in
      var disk = tepui_disk()
      disk.size = UInt32(MemoryLayout<tepui_disk>.size)
      disk.flags = enforced ? TEPUI_DISK_ENFORCE : 0
      (disk.path, disk.limit_bytes, disk.interval_ns) = (path, limitBytes ?? .max, intervalNs)
      return sink.pointee.disk?(sink.pointee.context, &disk) == TEPUI_OK
    }
  }

  /// Sets an environment variable; the framework's own variables win. Launch only.
  @discardableResult
  public func environment(_ name: String, _ value: String) -> Bool {
    withText(name) { name in withText(value) { sink.pointee.environment?(sink.pointee.context, name, $0) == TEPUI_OK } }
  }

  /// Sets a resource limit, named as in setrlimit(2) in lower case without its prefix. `UInt64.max` is no limit. Launch
  /// only.
  @discardableResult
  public func rlimit(_ name: String, soft: UInt64, hard: UInt64) -> Bool {
    withText(name) { sink.pointee.rlimit?(sink.pointee.context, $0, soft, hard) == TEPUI_OK }
  }

  /// Asks for namespaces; several isolators may ask for the same. Launch only.
  @discardableResult
  public func namespaces(_ namespaces: Namespaces) -> Bool {
    sink.pointee.namespaces?(sink.pointee.context, namespaces.rawValue) == TEPUI_OK
  }

  /// Adds a mount of a file system, such as `tmpfs`; needs `Namespaces.mount`. Its source is called like it unless there
  /// is another. Launch only.
  @discardableResult
  public func mount(
    _ type: String, at target: String, source: String? = nil, options: String = "", _ flags: MountFlags = []
  ) -> Bool {
    add(type: type, source: source ?? type, target, options, flags.rawValue)
  }

  /// Shows a path of the host at `target`; needs `Namespaces.mount`. Launch only.
  @discardableResult
  public func bind(_ source: String, at target: String, options: String = "", _ flags: MountFlags = []) -> Bool {
    add(type: "", source: source, target, options, TEPUI_MOUNT_BIND | flags.rawValue)
  }

  private func add(
    type: String, source: String, _ target: String, _ options: String, _ flags: UInt32
  ) -> Bool {
    withText(type) { type in
      withText(source) { source in
        withText(target) { target in
          withText(options) { options in
            var mount = tepui_mount()
            mount.size = UInt32(MemoryLayout<tepui_mount>.size)
            mount.flags = flags
            (mount.type, mount.source, mount.target, mount.options) = (type, source, target, options)
            return sink.pointee.mount?(sink.pointee.context, &mount) == TEPUI_OK
          }
        }
      }
    }
  }

  /// Names the host; needs `Namespaces.uts`. At most 64 bytes. Launch only.
  @discardableResult
  public func hostname(_ name: String) -> Bool {
    withText(name) { sink.pointee.hostname?(sink.pointee.context, $0) == TEPUI_OK }
  }

  /// Allows a device. From the first on, every device that no isolator allows is denied. Launch only.
  @discardableResult
  public func device(_ device: Device) -> Bool {
    var raw = tepui_device()
    raw.size = UInt32(MemoryLayout<tepui_device>.size)
    (raw.access, raw.kind) = (device.access.rawValue, device.kind.rawValue)
    (raw.major, raw.minor) = (device.major.map(Int64.init) ?? -1, device.minor.map(Int64.init) ?? -1)
    return sink.pointee.device?(sink.pointee.context, &raw) == TEPUI_OK
  }

  /// Sets the capabilities that the command has after its exec: `ofRoot` if root runs it, `ofOthers` if anybody else
  /// does. Neither may hold what `bounding` does not, which is the most that a process of the container can ever gain.
  /// Launch only.
  @discardableResult
  public func capabilities(bounding: Capabilities, ofRoot: Capabilities, ofOthers: Capabilities) -> Bool {
    let set = sink.pointee.capabilities
    return set?(sink.pointee.context, bounding.rawValue, ofRoot.rawValue, ofOthers.rawValue) == TEPUI_OK
  }

  /// Lets no exec give privileges; several isolators may ask for it. Launch only.
  @discardableResult
  public func noNewPrivileges() -> Bool { sink.pointee.no_new_privileges?(sink.pointee.context) == TEPUI_OK }

  /// Filters system calls: struct sock_filter, 8 bytes each and at most 4096 of them, installed right before the exec.
  /// `flags` are those of seccomp(2)'s SECCOMP_SET_MODE_FILTER; 0, 2 (log) and 4 (allow speculation) are allowed. Launch
  /// only.
  @discardableResult
  public func seccomp(_ filter: [UInt8], flags: UInt32 = 0) -> Bool {
    sink.pointee.seccomp?(sink.pointee.context, filter, UInt64(filter.count), flags) == TEPUI_OK
  }
}
