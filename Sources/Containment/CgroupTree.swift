import CLaunch
import Glibc
import Logging
import ModuleHost

/// All groups of this agent, and what their files say when something happens in them.
final class CgroupTree {
  let root: CgroupRoot
  let writer: CgroupWriter
  private let inotify: Int32
  private var observers: [Int32: () -> Void] = [:]

  init(_ root: CgroupRoot, files: any CgroupFiles) throws(ContainmentFailure) {
    self.root = root
    writer = CgroupWriter(root: root, files: files)
    inotify = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
    guard inotify >= 0 else { throw ContainmentFailure(message: "\(SystemFailure("inotify_init1"))") }
    do {
      try takeDelegation()
      try makeRoot()
    } catch {
      throw ContainmentFailure(message: "\(error)\(advice(on: error))")
    }
  }

  deinit { close(inotify) }

  /// - Parameter pod: the container that it lies within; empty for none.
  func group(of id: String, in pod: String = "") -> ContainerCgroup {
    ContainerCgroup(path: pod.isEmpty ? "\(root.path)/\(id)" : "\(root.path)/\(pod)/\(id)", writer: writer)
  }

  /// The group of a container of which nothing else is known, if there is one.
  func find(_ id: String) -> ContainerCgroup? {
    let own = group(of: id)
    if own.exists { return own }
    for name in groups() {
      let nested = writer.files.directories(in: "\(root.path)/\(name)").map { group(of: $0, in: name) }
      let places = [group(of: id, in: name)] + ([group(of: name)] + nested).map { $0.forVisitor(id) }
      if let found = places.first(where: \.exists) { return found }
    }
    return nil
  }

  /// Names of the groups that are there.
  func groups() -> [String] { writer.files.directories(in: root.path) }

  func start(on loop: EventLoop) throws(SystemFailure) {
    try loop.watch(inotify) { [self] in notice() }
  }

  /// Calls `observer` when the kernel says that a file such as memory.events changed. nil if it cannot be watched.
  func observe(_ path: String, _ observer: @escaping () -> Void) -> Int32? {
    let watch = inotify_add_watch(inotify, path, UInt32(IN_MODIFY))
    guard watch >= 0 else { return nil }
    observers[watch] = observer
    return watch
  }

  func forget(_ watch: Int32) {
    guard observers.removeValue(forKey: watch) != nil else { return }
    inotify_rm_watch(inotify, watch)
  }

  /// Leaves the group that was given to this process, so that it may hand controllers down, and lets it do so.
  private func takeDelegation() throws(CgroupWriter.Failure) {
    guard let delegation = root.delegation else { return }
    if !delegation.isInLeaf {
      if writer.files.read("\(delegation.leaf)/cgroup.events") == nil { try writer.makeGroup(delegation.leaf) }
      try writer.write("\(getpid())", to: "cgroup.procs", of: delegation.leaf)
    }
    try handDown(from: delegation.group)
  }

  private func makeRoot() throws(CgroupWriter.Failure) {
    if writer.files.read("\(root.path)/cgroup.controllers") == nil { try writer.makeGroup(root.path) }
    try handDown(from: root.path)
  }

  /// Gives all controllers to the groups below one that has no processes of its own; one at a time, so that a failure
  /// names the controller.
  func handDown(from group: String) throws(CgroupWriter.Failure) {
    let enabled = CgroupRoot.words(writer.files.read("\(group)/cgroup.subtree_control"))
    for controller in root.controllers.subtracting(enabled).sorted() {
      try writer.write("+\(controller)", to: "cgroup.subtree_control", of: group)
    }
  }

  /// What to do about a group that cannot hand controllers down because processes live in it.
  private func advice(on failure: CgroupWriter.Failure) -> String {
    guard failure.entry.answer == EBUSY, let group = root.delegation?.group else { return "" }
    let names = (writer.files.read("\(group)/cgroup.procs") ?? "").split(separator: "\n").map { pid in
      "\(pid) (\(writer.files.read("/proc/\(pid)/comm")?.split(separator: "\n").first ?? "?"))"
    }
    guard !names.isEmpty else { return "" }
    return "; these processes live in \(group), which cannot hand controllers down as long as they do: "
      + "\(names.prefix(8).joined(separator: ", ")); start the agent as the only process of its group (exec), or move "
      + "them into a group below: mkdir \(group)/init; echo PID > \(group)/init/cgroup.procs"
  }

  private func notice() {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = read(inotify, &buffer, buffer.count)
    guard count > 0 else { return }
    var offset = 0
    let header = MemoryLayout<inotify_event>.size
    while offset + header <= count {
      let event = buffer.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: inotify_event.self) }
      observers[event.wd]?()
      offset += header + Int(event.len)
    }
  }
}
