extension Resources {
  /// Those for which `isIncluded` holds.
  public func filter(_ isIncluded: (Resource) -> Bool) -> Resources {
    Resources(normalised: elements.filter(isIncluded))
  }

  public var unreserved: Resources { filter { $0.reservations.isEmpty } }

  /// What is left when others hold `held`. Shared volumes are there for all, however many hold a copy.
  public func available(besides held: Resources) -> Resources {
    var left = self
    for resource in held where !resource.isShared { left.subtract(resource) }
    return left
  }

  public var shared: Resources { filter(\.isShared) }

  public var reserved: Resources { filter { !$0.reservations.isEmpty } }

  /// Those whose effective reservation is for exactly `role`.
  public func reserved(for role: String) -> Resources {
    filter { $0.reservationRole == role }
  }

  /// All of a scalar of this name, whatever its reservations.
  public func total(of name: String) -> Quantity {
    var sum = Quantity.zero
    for resource in elements where resource.name == name {
      if case .scalar(let quantity) = resource.value { sum += quantity }
    }
    return sum
  }

  /// Name and total of each scalar, in order of first appearance.
  public var scalarTotals: [(name: String, total: Quantity)] {
    var totals: [(name: String, total: Quantity)] = []
    for resource in elements {
      guard case .scalar(let quantity) = resource.value else { continue }
      if let index = totals.firstIndex(where: { $0.name == resource.name }) {
        totals[index].total += quantity
      } else {
        totals.append((resource.name, quantity))
      }
    }
    return totals
  }

  /// All ranges of this name together, such as the ports.
  public func ranges(of name: String) -> Ranges {
    var all = Ranges()
    for resource in elements where resource.name == name {
      if case .ranges(let ranges) = resource.value { all = all + ranges }
    }
    return all
  }

  /// The same resources in the hands of a role.
  public func allocated(to role: String) -> Resources { inHands(of: role) }

  /// The same resources in nobody's hands.
  public func unallocated() -> Resources { inHands(of: nil) }

  private func inHands(of role: String?) -> Resources {
    var elements = elements
    for index in elements.indices { elements[index].allocationRole = role }
    // What was held by one role, or by none, cannot melt together now.
    return isOfOneRole ? Resources(normalised: elements) : Resources(elements)
  }

  private var isOfOneRole: Bool {
    elements.dropFirst().allSatisfy { $0.allocationRole == elements.first?.allocationRole }
  }

  /// The parts that are allocated to a role each, in order of first appearance; without what is in nobody's hands.
  public var byAllocationRole: [(role: String, part: Resources)] {
    if isOfOneRole { return elements.first?.allocationRole.map { [($0, self)] } ?? [] }
    return allocationRoles.compactMap { role in role.map { name in (name, filter { $0.allocationRole == name }) } }
  }

  /// The roles that they are allocated to, in order of first appearance; nil stands for none.
  public var allocationRoles: [String?] {
    var roles: [String?] = []
    for resource in elements where !roles.contains(resource.allocationRole) { roles.append(resource.allocationRole) }
    return roles
  }
}
