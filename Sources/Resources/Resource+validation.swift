extension Resource {
  /// Checks what the types cannot: that the parts go together. Throws with Mesos' texts where it has some.
  public func validate() throws(ResourceError) {
    if name.isEmpty { throw invalid("Empty resource name") }
    if case .scalar(let quantity) = value, quantity < .zero {
      throw invalid("Invalid scalar resource: value <= 0")
    }
    try validateDisk()
    try validateReservations()
    if let allocationRole {
      do { try Role.validate(allocationRole) } catch { throw invalid("Invalid allocation role: \(error)") }
    }
  }

  /// `Resource 'cpus:-1' is invalid: …`
  func invalid(_ reason: String) -> ResourceError {
    ResourceError("Resource '\(self)' is invalid: \(reason)")
  }

  private func validateDisk() throws(ResourceError) {
    if isShared, name != "disk" { throw invalid("Resource \(name) cannot be shared") }
    guard let disk else {
      if isShared { throw invalid("Only persistent volumes can be shared") }
      return
    }
    if name != "disk" { throw invalid("DiskInfo should not be set for \(name) resource") }
    guard case .scalar = value else { throw invalid("DiskInfo should only be set for a scalar resource") }
    if isShared, disk.persistence == nil { throw invalid("Only persistent volumes can be shared") }
  }

  private func validateReservations() throws(ResourceError) {
    for (index, reservation) in reservations.enumerated() {
      do { try Role.validate(reservation.role) } catch { throw invalid(error.description) }
      if reservation.role == Role.star { throw invalid("Invalid reservation: role \"*\" cannot be reserved") }
      guard index > 0 else { continue }
      let above = reservations[index - 1].role
      if reservation.kind == .static {
        throw invalid("Invalid refined reservation: A refined reservation cannot be STATIC")
      }
      if !Role.isStrictlyBelow(reservation.role, above) {
        throw invalid(
          "Invalid refined reservation: role '\(reservation.role)' is not a refinement of '\(above)'")
      }
    }
  }
}
