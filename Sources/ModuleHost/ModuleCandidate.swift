/// A file in which a module that was asked for should be, before anything of it was run.
struct ModuleCandidate {
  let path: String
  /// What was asked for: an id, or the last word of one.
  let module: String
  let parameters: [ModuleConfiguration.Parameter]
  /// Where it was asked for: `modules.json:3:16: allocator` or `--allocator`.
  let place: String

  func isSatisfied(by id: String) -> Bool {
    id == module || !module.contains(".") && ModuleName.lastWord(id) == module
  }

  /// The values of all parameters that the descriptor declares: those configured, checked, and defaults for the rest.
  func values(for descriptor: ModuleDescriptor) throws(ModuleError) -> [ParameterValue] {
    for parameter in parameters where !descriptor.parameters.contains(where: { $0.name == parameter.key }) {
      let known = descriptor.parameters.map(\.name).joined(separator: ", ")
      throw refusal(
        parameter, "\(descriptor.id) has no parameter \"\(parameter.key)\"; it has \(known.isEmpty ? "none" : known)")
    }
    var values: [ParameterValue] = []
    for specification in descriptor.parameters {
      let given = parameters.first { $0.key == specification.name }
      guard let value = specification.value(given?.value ?? specification.initial) else {
        // The default was checked with the descriptor, so the value is a configured one.
        throw refusal(
          given,
          "\"\(given?.value ?? "")\" is not a value for \(specification.name): it must be \(specification.allowedValues)"
        )
      }
      values.append(value)
    }
    return values
  }

  private func refusal(_ parameter: ModuleConfiguration.Parameter?, _ text: String) -> ModuleError {
    ModuleError(.parameter, "\(parameter?.place ?? module): \(text)")
  }
}

/// Names of modules as operators write them.
enum ModuleName {
  /// `drf` of `org.tepui.drf`.
  static func lastWord(_ name: String) -> String {
    name.lastIndex(of: ".").map { String(name[name.index(after: $0)...]) } ?? name
  }

  /// What a value of Mesos' `--isolation` means here.
  enum MesosIsolation: Equatable {
    case module(String)
    /// There is nothing to be done, for the reason given.
    case nothing(String)
  }

  /// nil for a name that is not Mesos'.
  static func ofMesosIsolation(_ name: String) -> MesosIsolation? {
    switch name {
    case "cgroups/all", "cgroups/blkio", "cgroups/cpu", "cgroups/cpuset", "cgroups/devices", "cgroups/hugetlb",
      "cgroups/io", "cgroups/mem", "cgroups/pids":
      .module("cgroups")
    case "disk/du", "posix/disk": .module("disk")
    case "posix/cpu", "posix/mem": .module("posix")
    case "posix/rlimits": .module("rlimits")
    case "filesystem/linux", "namespaces/ipc", "namespaces/pid": .module("namespaces")
    case "linux/capabilities": .module("privileges")
    case "linux/seccomp": .module("seccomp")
    case "cgroups/net_cls", "cgroups/net_prio", "cgroups/perf_event": .nothing("cgroup v2 has no such controller")
    case "filesystem/posix": .nothing("sandboxes are directories of this machine in any case")
    default: nil
    }
  }
}
