import CLaunch
import ModuleHost

/// Writes the records of launch_spec.h, which also describes them.
struct LaunchSpecification {
  private(set) var bytes: [UInt8] = []

  private init() {
    append(LAUNCH_SPEC_MAGIC)
    append(LAUNCH_SPEC_VERSION)
    append(UInt32(0))  // the length, known at the end
  }

  /// Texts with a NUL inside cannot be told to a program: the field's name is thrown.
  /// - Parameter places: all mounts and links, in their order.
  init(
    _ request: LaunchRequest, plan: ContainerPlan, places: [ContainerPlaces.Place], user: UserAccount?, bootID: String,
    joined: JoinedNamespaces? = nil
  ) throws(InvalidText) {
    self.init()
    try add(LAUNCH_STATE_DIRECTORY, text: request.stateDirectory, "the state directory")
    try add(LAUNCH_BOOT_ID, text: bootID, "the boot id")
    try add(LAUNCH_SANDBOX, text: request.description.sandbox, "the sandbox")
    try add(LAUNCH_WORKING_DIRECTORY, text: request.command.workingDirectory, "the working directory")
    try add(LAUNCH_PROGRAM, text: request.command.program, "the program")
    // A program always has a zeroth argument: since Linux 5.18 the kernel would put an empty one.
    let arguments = request.command.arguments.isEmpty ? [request.command.program] : request.command.arguments
    for argument in arguments {
      try add(LAUNCH_ARGUMENT, text: argument, "an argument")
    }
    let environment = plan.environment.merging(request.command.environment) { _, frameworks in frameworks }
    for (name, value) in environment.sorted(by: { $0.key < $1.key }) {
      try add(LAUNCH_ENVIRONMENT, text: "\(name)=\(value)", "the environment variable \(name)")
    }
    if let user { add(LAUNCH_USER, words: [user.uid, user.gid] + user.groups) }
    if !plan.namespaces.isEmpty { add(LAUNCH_NAMESPACES, words: [plan.namespaces.rawValue]) }
    if let joined { add(LAUNCH_JOIN, words: [joined.namespaces.rawValue, UInt32(joined.pid)]) }
    if request.description.isPod { add(LAUNCH_PAUSE, words: []) }
    if request.visits != nil { add(LAUNCH_VISIT, words: []) }
    if let bounds = request.outputBounds {
      add(LAUNCH_OUTPUT, length: 2 * (8 + 4))
      for bytes in [bounds.stdoutBytes, bounds.stderrBytes] {
        append(bytes)
        append(bounds.olderFiles)
      }
    }
    for rlimit in plan.rlimits {
      add(LAUNCH_RLIMIT, length: 4 + 8 + 8)
      append(rlimit.resource)
      append(rlimit.soft)
      append(rlimit.hard)
    }
    if let root = request.root { try add(LAUNCH_ROOT, text: root, "the root file system's path") }
    for place in places {
      switch place {
      case .mount(let mount): try add(mount)
      case .link(let content, let path): try add(LAUNCH_LINK, texts: [content, path], "the link at \(path)")
      case .readOnly(let path): try add(LAUNCH_READ_ONLY, text: path, "a path of the kernel")
      case .hidden(let path): try add(LAUNCH_HIDDEN, text: path, "a path of the kernel")
      }
    }
    try addPrivileges(of: plan)
    let length = UInt32(bytes.count)
    withUnsafeBytes(of: length) { bytes.replaceSubrange(8..<12, with: $0) }
  }

  struct InvalidText: Error {
    let field: String
  }

  private mutating func addPrivileges(of plan: ContainerPlan) throws(InvalidText) {
    if let name = plan.hostname { try add(LAUNCH_HOSTNAME, text: name, "the host's name") }
    if let sets = plan.capabilities {
      add(LAUNCH_CAPABILITIES, length: 8 + 8 + 8)
      append(sets.bounding)
      append(sets.ofRoot)
      append(sets.ofOthers)
    }
    if plan.hasNoNewPrivileges { add(LAUNCH_NO_NEW_PRIVILEGES, length: 0) }
    if let filter = plan.seccomp {
      add(LAUNCH_SECCOMP, length: 4 + filter.instructions.count)
      append(filter.flags)
      bytes += filter.instructions
    }
  }

  private mutating func add(_ mount: PlanEntry.Mount) throws(InvalidText) {
    let texts = [mount.type, mount.source, mount.target, mount.options].map { Array($0.utf8) }
    guard texts.allSatisfy({ !$0.contains(0) }) else { throw InvalidText(field: "the mount at \(mount.target)") }
    add(LAUNCH_MOUNT, length: 4 + texts.reduce(0) { $0 + $1.count + 1 })
    append(mount.flags.rawValue)
    append(texts)
  }

  private mutating func add(_ type: launch_record, texts: [String], _ field: String) throws(InvalidText) {
    let texts = texts.map { Array($0.utf8) }
    guard texts.allSatisfy({ !$0.contains(0) }) else { throw InvalidText(field: field) }
    add(type, length: texts.reduce(0) { $0 + $1.count + 1 })
    append(texts)
  }

  private mutating func append(_ texts: [[UInt8]]) {
    for text in texts {
      bytes += text
      bytes.append(0)
    }
  }

  private mutating func add(_ type: launch_record, text: String, _ field: String) throws(InvalidText) {
    try add(type, texts: [text], field)
  }

  private mutating func add(_ type: launch_record, words: [UInt32]) {
    add(type, length: 4 * words.count)
    for word in words { append(word) }
  }

  private mutating func add(_ type: launch_record, length: Int) {
    append(type.rawValue)
    append(UInt32(length))
  }

  private mutating func append<Number: FixedWidthInteger>(_ number: Number) {
    withUnsafeBytes(of: number) { bytes += $0 }
  }
}
