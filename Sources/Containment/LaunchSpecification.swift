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
  init(
    _ request: LaunchRequest, plan: ContainerPlan, user: UserAccount?, bootID: String, joined: JoinedNamespaces? = nil
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
    for rlimit in plan.rlimits {
      add(LAUNCH_RLIMIT, length: 4 + 8 + 8)
      append(rlimit.resource)
      append(rlimit.soft)
      append(rlimit.hard)
    }
    for mount in plan.mounts { try add(mount) }
    let length = UInt32(bytes.count)
    withUnsafeBytes(of: length) { bytes.replaceSubrange(8..<12, with: $0) }
  }

  struct InvalidText: Error {
    let field: String
  }

  private mutating func add(_ mount: PlanEntry.Mount) throws(InvalidText) {
    let texts = [mount.type, mount.source, mount.target, mount.options].map { Array($0.utf8) }
    guard texts.allSatisfy({ !$0.contains(0) }) else { throw InvalidText(field: "the mount at \(mount.target)") }
    add(LAUNCH_MOUNT, length: 4 + texts.reduce(0) { $0 + $1.count + 1 })
    append((mount.isReadOnly ? 1 : 0) | (mount.isBind ? 2 : 0) | (mount.isRecursive ? 4 : 0) as UInt32)
    for text in texts {
      bytes += text
      bytes.append(0)
    }
  }

  private mutating func add(_ type: launch_record, text: String, _ field: String) throws(InvalidText) {
    let text = Array(text.utf8)
    guard !text.contains(0) else { throw InvalidText(field: field) }
    add(type, length: text.count + 1)
    bytes += text
    bytes.append(0)
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
