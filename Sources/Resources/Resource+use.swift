// What several resources together must fulfil before a task or an operation may use them.

extension Sequence where Element == Resource {
  /// Checks what only matters once somebody uses the resources. Throws with Mesos' texts.
  public func validateUse() throws(ResourceError) {
    for resource in self where resource.name == "gpus" {
      guard case .scalar(let amount) = resource.value, amount.thousandths % 1000 == 0 else {
        throw ResourceError("Invalid 'gpus' resource: The 'gpus' resource must be an unsigned integer")
      }
    }
    for resource in self {
      guard let problem = resource.problemOfDisk else { continue }
      throw ResourceError("Invalid DiskInfo: \(problem)")
    }
    for resource in self where resource.isDynamicallyReserved && resource.isRevocable {
      throw ResourceError(
        "Invalid ReservationInfo: Dynamically reserved resource \(resource) cannot be created from revocable resources")
    }
  }

  /// Ids of volumes are unique per role on an agent.
  public func validateUniqueVolumes() throws(ResourceError) {
    var seen: Set<[String]> = []
    for resource in self {
      guard let id = resource.disk?.persistence?.id else { continue }
      guard seen.insert([resource.reservationRole ?? Role.star, id]).inserted else {
        throw ResourceError("Persistence ID '\(id)' is not unique")
      }
    }
  }

  /// All are allocated, to the same role (protocol fact 143).
  public func validateOneRole() throws(ResourceError) {
    var common: String?
    for resource in self {
      guard let role = resource.allocationRole else {
        throw ResourceError("The resources are not allocated to a role")
      }
      if let common, common != role {
        throw ResourceError(
          "The resources have multiple allocation roles ('\(role)' and '\(common)') but only one allocation role "
            + "is allowed")
      }
      common = role
    }
  }

  /// What can be taken back at any time does not go together with more of the same that can't.
  public func validateRevocability() throws(ResourceError) {
    var kinds: [String: Bool] = [:]
    for resource in self where kinds.updateValue(resource.isRevocable, forKey: resource.name) == !resource.isRevocable {
      throw ResourceError("Cannot use both revocable and non-revocable '\(resource.name)' at the same time")
    }
  }
}

extension Resource {
  fileprivate var problemOfDisk: String? {
    guard let disk else { return nil }
    guard let persistence = disk.persistence else {
      if disk.volume != nil { return "Non-persistent volume not supported" }
      return disk.source == nil ? "DiskInfo is set but empty" : nil
    }
    if isRevocable { return "Persistent volumes cannot be created from revocable resources" }
    if reservations.isEmpty { return "Persistent volumes cannot be created from unreserved resources" }
    guard let volume = disk.volume else { return "Expecting 'volume' to be set for persistent volume" }
    if volume.hostPath != nil { return "Expecting 'host_path' to be unset for persistent volume" }
    return Identifier.problem(persistence.id).map { "Invalid persistence ID for persistent volume: \($0)" }
  }
}

/// Ids that users choose and that become parts of paths (protocol fact 61).
public enum Identifier {
  /// What is wrong with an id, in Mesos' words; nil when nothing is.
  public static func problem(_ id: String) -> String? {
    if id.isEmpty { return "ID must not be empty" }
    if id.utf8.count > 255 { return "ID must not be greater than 255 characters" }
    if id == "." || id == ".." { return "'\(id)' is disallowed" }
    let isBad = id.utf8.contains { $0 < 32 || $0 == 127 || $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }
    return isBad ? "'\(id)' contains invalid characters" : nil
  }
}
