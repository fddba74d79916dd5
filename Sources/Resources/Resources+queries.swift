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
  public func allocated(to role: String) -> Resources {
    mapped { $0.allocationRole = role }
  }

  /// The same resources in nobody's hands.
  public func unallocated() -> Resources {
    mapped { $0.allocationRole = nil }
  }

  /// The roles that they are allocated to, in order of first appearance; nil stands for none.
  public var allocationRoles: [String?] {
    var roles: [String?] = []
    for resource in elements where !roles.contains(resource.allocationRole) { roles.append(resource.allocationRole) }
    return roles
  }

  private func mapped(_ change: (inout Resource) -> Void) -> Resources {
    Resources(
      elements.map { element in
        var element = element
        change(&element)
        return element
      })
  }
}
