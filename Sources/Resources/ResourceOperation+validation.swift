/// Who asks for an operation.
public enum OperationRequester: Sendable {
  /// On an offer: its resources must be allocated, to one of the framework's roles.
  case framework(id: String, roles: [String], principal: String?, takesShared: Bool)
  /// On what nobody holds.
  case `operator`(principal: String?)

  fileprivate var principal: String? {
    switch self {
    case .framework(_, _, let principal, _), .operator(let principal): principal
    }
  }
}

extension ResourceOperation {
  /// Whether the operation makes sense, in Mesos' order and words. Whether what it needs is there is for `applying` to
  /// say.
  ///
  /// - Parameters:
  ///   - agent: all that the agent has, unallocated.
  ///   - used: what tasks and executors hold there, unallocated.
  public func validate(
    by requester: OperationRequester, agent: Resources, used: Resources
  ) throws(ResourceError) {
    switch self {
    case .reserve(let resources, let source): try Self.validateReserve(resources, source, requester)
    case .unreserve(let resources): try Self.validateUnreserve(resources)
    case .create(let volumes): try Self.validateCreate(volumes, requester, agent)
    case .destroy(let volumes): try Self.validateDestroy(volumes, agent, used)
    case .growVolume(let volume, let addition): try Self.validateGrow(volume, addition)
    case .shrinkVolume(let volume, let subtract): try Self.validateShrink(volume, subtract)
    }
  }

  // MARK: Reservations

  private static func validateReserve(
    _ resources: [Resource], _ source: [Resource], _ requester: OperationRequester
  ) throws(ResourceError) {
    try validateUse(resources, "Invalid resources: ")
    try validateUse(source, "Invalid source: ")
    if !source.isEmpty { try validateUpdate(from: source, to: resources) }
    try validateProvider(resources)
    for resource in resources {
      guard resource.isDynamicallyReserved, let reservation = resource.reservations.last else {
        throw ResourceError("Resource \(resource) is not dynamically reserved")
      }
      if let principal = requester.principal {
        guard let named = reservation.principal else {
          throw ResourceError(
            "A reserve operation was attempted by principal '\(principal)', but there is a "
              + "reserved resource in the request with no principal set")
        }
        guard named == principal else {
          throw ResourceError(
            "A reserve operation was attempted by authenticated principal '\(principal)', which does not match a "
              + "reserved resource in the request with principal '\(named)'")
        }
      }
      try validateRole(of: resource, reservation.role, requester)
    }
    if case .framework = requester { try validateOneRole(resources, "Invalid reservation resources: ") }
  }

  /// A reservation that replaces others: of the same amounts, and all of them alike.
  private static func validateUpdate(from source: [Resource], to target: [Resource]) throws(ResourceError) {
    for (resources, prefix) in [(source, "Invalid source: "), (target, "Invalid resources: ")] {
      guard let first = resources.first else { throw ResourceError("\(prefix)Resource cannot be empty") }
      guard resources.allSatisfy({ $0.reservations == first.reservations }) else {
        throw ResourceError("\(prefix)Mixed reservations are not supported: \(Resources(resources))")
      }
    }
    func unreserved(_ resources: [Resource]) -> Resources {
      Resources(
        resources.map { resource in
          var resource = resource
          resource.reservations = []
          return resource
        })
    }
    guard unreserved(source) == unreserved(target) else {
      throw ResourceError(
        "Source and target resources should refer to identical resource quantities: "
          + "\(unreserved(source)) vs. \(unreserved(target))")
    }
  }

  private static func validateRole(
    of resource: Resource, _ role: String, _ requester: OperationRequester
  ) throws(ResourceError) {
    guard case .framework(_, let roles, _, _) = requester else {
      if resource.allocationRole != nil {
        throw ResourceError(
          "A reserve operation was attempted with an allocated resource, but the operator API only allows "
            + "reservations to be made to unallocated resources")
      }
      return
    }
    guard let allocated = resource.allocationRole else {
      throw ResourceError(
        "A reserve operation was attempted on unallocated resource \(resource), but frameworks can only "
          + "perform reservations on allocated resources")
    }
    guard allocated == role else {
      throw ResourceError(
        "A reserve operation was attempted for a resource with role '\(role)', but the resource was allocated "
          + "to role '\(allocated)'")
    }
    guard roles.contains(allocated) else {
      throw ResourceError(
        "A reserve operation was attempted for a resource allocated to role '\(allocated)', but the framework only "
          + "has roles '{ \(roles.sorted().joined(separator: ", ")) }'")
    }
  }

  private static func validateUnreserve(_ resources: [Resource]) throws(ResourceError) {
    try validateUse(resources, "Invalid resources: ")
    try validateProvider(resources)
    for resource in resources {
      guard resource.isDynamicallyReserved else {
        throw ResourceError("Resource \(resource) is not dynamically reserved")
      }
      if resource.isPersistentVolume {
        throw ResourceError(
          "A dynamically reserved persistent volume \(resource) cannot be unreserved directly. Please destroy the "
            + "persistent volume first then unreserve the resource")
      }
    }
  }

  // MARK: Volumes

  private static func validateCreate(
    _ volumes: [Resource], _ requester: OperationRequester, _ agent: Resources
  ) throws(ResourceError) {
    try validateUse(volumes, "Invalid resources: ")
    try validateProvider(volumes)
    for volume in volumes { try validateVolume(volume, "Not a persistent volume: ") }
    try (Array(agent.persistentVolumes) + volumes).validateUniqueVolumes()
    for volume in volumes {
      if case .framework(let id, _, _, false) = requester, volume.isShared {
        throw ResourceError(
          "Create volume operation for '\(volume)' has been attempted by framework '\(id)' with no "
            + "SHARED_RESOURCES capability")
      }
      guard let principal = requester.principal else { continue }
      guard let named = volume.disk?.persistence?.principal else {
        throw ResourceError(
          "Create volume operation attempted by principal '\(principal)', but there is a volume in the "
            + "operation with no principal set in 'disk.persistence'")
      }
      guard named == principal else {
        throw ResourceError(
          "Create volume operation attempted by authenticated principal '\(principal)', which does not match "
            + "a volume in the operation with principal '\(named)' set in 'disk.persistence'")
      }
    }
    if case .framework = requester { try validateOneRole(volumes, "Invalid volume resources: ") }
  }

  private static func validateDestroy(
    _ volumes: [Resource], _ agent: Resources, _ used: Resources
  ) throws(ResourceError) {
    try validateUse(volumes, "Invalid resources: ")
    try validateProvider(volumes)
    for volume in volumes { try validateVolume(volume, "Not a persistent volume: ") }
    for volume in volumes {
      let volume = Resources(volume).unallocated()
      guard agent.contains(volume) else { throw ResourceError("Persistent volumes not found") }
      if used.contains(volume) { throw ResourceError("Persistent volumes in use") }
    }
  }

  private static func validateGrow(_ volume: Resource, _ addition: Resource) throws(ResourceError) {
    let field = "Invalid persistent volume in the 'GrowVolume.volume' field: "
    guard case .scalar(let amount) = addition.value, amount > .zero else {
      throw ResourceError("The size of 'GrowVolume.addition' field must be greater than zero")
    }
    guard volume.providerID == nil else {
      throw ResourceError("Growing a volume from a resource provider is not supported")
    }
    try validateVolume(volume, field)
    if volume.isShared { throw ResourceError("Growing a shared persistent volume is not supported") }
    guard volume.withoutVolume.isAddable(to: addition) else {
      throw ResourceError("Incompatible resources in the 'GrowVolume.volume' and 'GrowVolume.addition' fields")
    }
  }

  private static func validateShrink(_ volume: Resource, _ subtract: Quantity) throws(ResourceError) {
    guard subtract > .zero else { throw ResourceError("Value of 'ShrinkVolume.subtract' must be greater than zero") }
    guard case .scalar(let size) = volume.value, size > subtract else {
      throw ResourceError(
        "Value of 'ShrinkVolume.subtract' must be smaller than the size of 'ShrinkVolume.volume'")
    }
    guard volume.providerID == nil else {
      throw ResourceError("Shrinking a volume from a resource provider is not supported")
    }
    if volume.disk?.source?.kind == .mount {
      throw ResourceError("Shrinking a volume on a MOUNT disk is not supported")
    }
    try validateVolume(volume, "Invalid persistent volume in the 'ShrinkVolume.volume' field: ")
    if volume.isShared { throw ResourceError("Shrinking a shared persistent volume is not supported") }
  }

  // MARK: All

  private static func validateUse(_ resources: [Resource], _ prefix: String) throws(ResourceError) {
    do { try resources.validateUse() } catch { throw ResourceError("\(prefix)\(error)") }
  }

  private static func validateVolume(_ volume: Resource, _ prefix: String) throws(ResourceError) {
    guard let disk = volume.disk else { throw ResourceError("\(prefix)Resource \(volume) does not have DiskInfo") }
    guard disk.persistence != nil else { throw ResourceError("\(prefix)'persistence' is not set in DiskInfo") }
    guard let use = disk.volume else {
      throw ResourceError("\(prefix)Expecting 'volume' to be set for persistent volume")
    }
    if use.isReadOnly { throw ResourceError("\(prefix)Read-only persistent volume not supported") }
  }

  /// There are no resource providers here, so what names one is of somewhere else.
  private static func validateProvider(_ resources: [Resource]) throws(ResourceError) {
    guard !resources.isEmpty else { throw ResourceError("Operation contains no resources") }
    let providers = Set(resources.map(\.providerID))
    if providers.count > 1 {
      throw ResourceError(
        providers.contains(nil)
          ? "Invalid resources: Some resources have a resource provider and some do not"
          : "Invalid resources: The resources have multiple resource providers: "
            + providers.compactMap { $0 }.sorted().joined(separator: ", "))
    }
    if let provider = providers.first ?? nil { throw ResourceError("Resource provider \(provider) is unknown") }
  }

  private static func validateOneRole(_ resources: [Resource], _ prefix: String) throws(ResourceError) {
    do { try resources.validateOneRole() } catch { throw ResourceError("\(prefix)\(error)") }
  }
}
