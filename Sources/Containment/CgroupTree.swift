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
    writer = CgroupWriter(root: root.path, files: files)
    inotify = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
    guard inotify >= 0 else { throw ContainmentFailure(message: "\(SystemFailure("inotify_init1"))") }
    do {
      try makeRoot()
    } catch {
      throw ContainmentFailure(message: "\(error)")
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
    return own.exists ? own : groups().map { group(of: id, in: $0) }.first(where: \.exists)
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

  /// Makes the root and hands down what it was given itself.
  private func makeRoot() throws(CgroupWriter.Failure) {
    if writer.files.read("\(root.path)/cgroup.controllers") == nil { try writer.makeGroup(root.path) }
    try handDown(in: root.path)
  }

  /// Gives all controllers to the groups below one that has no processes of its own.
  func handDown(in path: String) throws(CgroupWriter.Failure) {
    let enabled = (writer.files.read("\(path)/cgroup.subtree_control") ?? "").split { $0 == " " || $0 == "\n" }
    let missing = root.controllers.subtracting(enabled.map(String.init)).sorted()
    guard !missing.isEmpty else { return }
    try writer.write(missing.map { "+\($0)" }.joined(separator: " "), to: "cgroup.subtree_control", of: path)
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
