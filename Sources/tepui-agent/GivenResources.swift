import Glibc
import Resources
import Wire

/// The value of `--resources`: text (`cpus:4;mem:4096`), a JSON array of Mesos' Resource objects, or a file with either.
struct GivenResources {
  let resources: Resources

  /// - Parameter workDirectory: relative roots of disks lie below it.
  init(_ flag: String, workDirectory: String) throws {
    var text = flag
    if text.hasPrefix("file://") { text = try Machine.read(String(text.dropFirst("file://".count))) }
    resources =
      text.first { !$0.isWhitespace } == "["
      ? try Resources(wire: Self.messages(json: text)) : try Resources(parsing: text)
    try Self.check(resources)
    for resource in resources { try Self.checkDisk(resource, workDirectory) }
  }

  private static func messages(json text: String) throws(ResourceError) -> [MesosResource] {
    do {
      return try WireFormat.decodeList("resources", of: MesosOffer.Operation.Unreserve.self, from: [UInt8](text.utf8))
        .resources
    } catch {
      throw ResourceError(error.text)
    }
  }

  /// What only operations can make. Revocable resources may be given: there is no estimator that would tell of them.
  private static func check(_ resources: Resources) throws(ResourceError) {
    for resource in resources {
      if resource.isPersistentVolume {
        throw ResourceError("Persistent volumes cannot be specified at the command line")
      }
      if resource.isDynamicallyReserved {
        throw ResourceError(
          "Dynamic reservations cannot be specified at the command line; do not include a reservation with DYNAMIC "
            + "type in the resources JSON")
      }
      let others = resources.filter { $0.name == resource.name && !$0.hasTypeOf(resource) }
      if !others.isEmpty {
        throw ResourceError(
          "Resources with the same name ('\(resource.name)') but different types are not allowed")
      }
    }
    try resources.validateUse()
  }

  /// A disk of its own must be there before it is offered.
  private static func checkDisk(_ resource: Resource, _ workDirectory: String) throws {
    guard let source = resource.disk?.source else { return }
    guard source.kind == .path || source.kind == .mount, let root = source.root, !root.isEmpty else {
      throw ResourceError("disk \(resource): this agent has disks of type PATH and MOUNT, with a root")
    }
    let path = root.hasPrefix("/") ? root : "\(workDirectory)/\(root)"
    if source.kind == .path {
      try Directories.make(path, mode: 0o755)
    } else if try !isMountPoint(path) {
      throw ResourceError("disk \(resource): Found unmounted MOUNT source '\(path)'")
    }
  }

  private static func isMountPoint(_ path: String) throws -> Bool {
    let resolved = try Directories.resolve(path)
    return try Machine.read("/proc/self/mountinfo").split(separator: "\n").contains { line in
      let fields = line.split(separator: " ")
      // The kernel writes blanks in paths as \040.
      return fields.count > 4 && fields[4] == resolved.split(separator: " ").joined(separator: "\\040")
    }
  }
}

extension Resource {
  fileprivate func hasTypeOf(_ other: Resource) -> Bool {
    switch (value, other.value) {
    case (.scalar, .scalar), (.ranges, .ranges), (.set, .set): true
    default: false
    }
  }
}
