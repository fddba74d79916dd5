import Resources
import Wire

/// What may be wrong with a framework that subscribes, in Mesos' words (protocol fact 30).
enum FrameworkCheck {
  static let changedPrincipal = "Changing framework's principal is not allowed."

  static func problem(_ info: MesosFrameworkInfo, configuration: MasterConfiguration) -> String? {
    if let problem = problemOfRoles(info) { return problem }
    if info.hasID, !info.id.value.isEmpty, let problem = Identifier.problem(info.id.value) { return problem }
    for (_, filters) in info.offerFilters.sorted(by: { $0.key < $1.key }) {
      if let problem = filters.minAllocatableResources.problem { return problem }
    }
    if Nanoseconds.of(seconds: info.failoverTimeout) == nil {
      return "The framework failover_timeout (\(text(info.failoverTimeout))) is invalid"
    }
    if let allowed = configuration.roles {
      let others = info.rolesInUse.filter { !allowed.contains($0) && $0 != Role.star }
      if !others.isEmpty { return "Roles \(list(others.sorted())) are not present in the master's --roles" }
    }
    if info.user == "root", !configuration.allowsRootSubmissions {
      return "User 'root' is not allowed to run frameworks without --root_submissions set"
    }
    return nil
  }

  private static func problemOfRoles(_ info: MesosFrameworkInfo) -> String? {
    if info.capabilityTypes.contains(.multiRole) {
      if info.hasRole { return "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable" }
      let duplicates = Set(info.roles.filter { role in info.roles.count { $0 == role } > 1 })
      if !duplicates.isEmpty { return "'FrameworkInfo.roles' contains duplicate items: \(list(duplicates.sorted()))" }
      return problem(of: info.roles, in: "roles")
    }
    if !info.roles.isEmpty {
      return "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
    }
    return info.hasRole ? problem(of: [info.role], in: "role") : nil
  }

  private static func problem(of roles: [String], in field: String) -> String? {
    for role in roles {
      do { try Role.validate(role) } catch {
        return field == "roles"
          ? "'FrameworkInfo.roles' contains invalid role: \(error)"
          : "'FrameworkInfo.role' is not a valid role: \(error)"
      }
    }
    return nil
  }

  static func problem(ofSuppressed suppressed: [String], _ info: MesosFrameworkInfo) -> String? {
    let others = Set(suppressed).subtracting(info.rolesInUse)
    return others.isEmpty ? nil : "Suppressed roles \(list(others.sorted())) are not contained in the set of roles"
  }

  private static func list(_ items: [String]) -> String { "{ \(items.joined(separator: ", ")) }" }

  /// As C++ prints a double: `1e+30`.
  private static func text(_ number: Double) -> String { "\(number)" }
}
