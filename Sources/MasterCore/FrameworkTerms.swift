import Allocation
import Resources
import Wire

/// Reads what a framework says of the offers that it wants in each of its roles: `FrameworkInfo.offer_filters` and the
/// offer constraints of a call.
struct FrameworkTerms {
  let configuration: MasterConfiguration

  /// Of one framework, all its roles together: each is judged on every agent, on the master's only thread.
  static let mostConstraints = 1000
  static let longestPatternBytes = 4096

  /// By role. Throws what is wrong with the constraints, in Mesos' words; filters must have been checked before.
  func read(
    _ info: MesosFrameworkInfo, _ constraints: SchedulerOfferConstraints
  ) throws(ResourceError) -> [String: RoleTerms] {
    var terms: [String: RoleTerms] = [:]
    for (role, filters) in info.offerFilters where filters.hasMinAllocatableResources {
      terms[role, default: RoleTerms()].minimumOffer = filters.minAllocatableResources.minimumOffer
    }
    let sorted = constraints.roleConstraints.sorted { $0.key < $1.key }
    if let (role, _) = sorted.first(where: { !info.rolesInUse.contains($0.key) }) {
      throw ResourceError(
        "Offer constraints specify `role_constraints` for a role '\(role)'not contained in the set of roles")
    }
    do throws(ResourceError) {
      try requireFew(sorted.map(\.value))
      for (role, constraints) in sorted { terms[role, default: RoleTerms()].constraints = try read(constraints, role) }
    } catch {
      throw ResourceError("Offer constraints are not valid: \(error)")
    }
    return terms
  }

  private func requireFew(_ roles: [SchedulerOfferConstraints.RoleConstraints]) throws(ResourceError) {
    let count = roles.reduce(0) { $1.groups.reduce($0) { $0 + $1.attributeConstraints.count } }
    if count > Self.mostConstraints {
      throw ResourceError("\(count) constraints are more than the \(Self.mostConstraints) that a framework may have")
    }
  }

  private func read(
    _ constraints: SchedulerOfferConstraints.RoleConstraints, _ role: String
  ) throws(ResourceError) -> OfferConstraints {
    if constraints.groups.isEmpty {
      throw ResourceError(
        "'OfferConstraints::role_constraints' has an empty 'RoleConstraints::groups' for role \(role)")
    }
    var groups: [[AttributeConstraint]] = []
    for group in constraints.groups {
      if group.attributeConstraints.isEmpty {
        throw ResourceError(
          "'OfferConstraints::RoleConstraints::groups' for role \(role)contains an empty RoleConstraints::Group")
      }
      var read: [AttributeConstraint] = []
      for constraint in group.attributeConstraints {
        do throws(ResourceError) {
          read.append(AttributeConstraint(try selector(constraint.selector), try predicate(constraint.predicate)))
        } catch {
          throw ResourceError("A role \(role) has an invalid 'AttributeConstraint': \(error)")
        }
      }
      groups.append(read)
    }
    return OfferConstraints(groups: groups)
  }

  private func selector(
    _ selector: SchedulerAttributeConstraint.Selector
  ) throws(ResourceError) -> AttributeConstraint.Selector {
    switch selector.selector {
    case .attributeName(let name)?: return .attribute(name)
    case .pseudoattributeType(.hostname)?: return .hostname
    case .pseudoattributeType(.region)?: return .region
    case .pseudoattributeType(.zone)?: return .zone
    case .pseudoattributeType(.unknown)?: throw ResourceError("Unknown pseudoattribute type")
    case nil:
      throw ResourceError(
        "Exactly one of 'AttributeConstraint::Selector::name' or "
          + "'AttributeConstraint::Selector::pseudoattribute_type' must be set")
    }
  }

  private func predicate(
    _ predicate: SchedulerAttributeConstraint.Predicate
  ) throws(ResourceError) -> AttributeConstraint.Predicate {
    switch predicate.predicate {
    case .exists?: return .exists
    case .notExists?: return .notExists
    case .textEquals(let text)?: return .textEquals(text.value)
    case .textNotEquals(let text)?: return .textNotEquals(text.value)
    case .textMatches(let text)?: return .textMatches(try pattern(text.regex))
    case .textNotMatches(let text)?: return .textNotMatches(try pattern(text.regex))
    case nil: throw ResourceError("Unknown predicate type")
    }
  }

  private func pattern(_ regex: String) throws(ResourceError) -> any TextPattern {
    guard regex.utf8.count <= Self.longestPatternBytes else {
      throw ResourceError("A regex of \(regex.utf8.count) bytes is longer than \(Self.longestPatternBytes) bytes")
    }
    return try configuration.makePattern(regex)
  }
}

extension MesosOfferFilters.MinAllocatableResources {
  /// What is wrong, in Mesos' words; nil when nothing is.
  var problem: String? {
    for alternative in quantities {
      if alternative.quantities.isEmpty { return "Resource quantities must contain at least one quantity" }
      for (name, scalar) in alternative.quantities.sorted(by: { $0.key < $1.key }) {
        if let problem = problem(of: scalar.value) { return "Invalid resource quantity for '\(name)': \(problem)" }
      }
    }
    return nil
  }

  private func problem(of value: Double) -> String? {
    if value.isInfinite { return "Infinite values not supported" }
    if value.isNaN { return "NaN not supported" }
    if value.isSubnormal { return "Subnormal values not supported" }
    return value < 0 ? "Negative values not supported" : nil
  }

  fileprivate var minimumOffer: MinimumOffer {
    MinimumOffer(
      anyOf: quantities.map { alternative in
        alternative.quantities.sorted { $0.key < $1.key }.map { .init($0.key, Quantity($0.value.value)) }
      })
  }
}

extension MesosAgentInfo {
  /// What frameworks choose the agent by.
  var traits: AgentTraits {
    let fault = domain.hasFaultDomain ? domain.faultDomain : nil
    return AgentTraits(
      hostname: hostname, region: fault?.region.name, zone: fault?.zone.name,
      attributes: attributes.map { attribute in
        // Whatever it is, it is no text.
        (try? Attribute(wire: attribute)) ?? Attribute(attribute.name, .ranges(Ranges()))
      })
  }
}
