import Allocation
import Resources
import Wire

extension MasterCore {
  /// What a framework says of itself and of the offers that it wants, checked.
  struct Subscription {
    let info: MesosFrameworkInfo
    let suppressed: [String]
    let constraints: SchedulerOfferConstraints
    let terms: [String: RoleTerms]
  }

  /// Protocol facts 22 and 36: all of it or nothing.
  func updateFramework(
    _ call: SchedulerCall.UpdateFramework, of framework: Framework, from connection: ConnectionID
  ) {
    let info = call.frameworkInfo
    if let problem = FrameworkCheck.problem(info, configuration: configuration) {
      return respond(connection, 400, "Supplied FrameworkInfo is not valid: \(problem)")
    }
    if let problem = problem(updating: framework, to: info) {
      return respond(connection, 400, "FrameworkInfo update is not valid: \(problem)")
    }
    let terms: [String: RoleTerms]
    do throws(ResourceError) {
      if let problem = FrameworkCheck.problem(ofSuppressed: call.suppressedRoles, info) {
        throw ResourceError(problem)
      }
      terms = try FrameworkTerms(configuration: configuration).read(info, call.offerConstraints)
    } catch {
      return respond(connection, 400, "'UpdateFramework' call is not valid: \(error)")
    }
    update(
      framework,
      Subscription(info: info, suppressed: call.suppressedRoles, constraints: call.offerConstraints, terms: terms))
    tellUpdated(framework)
    respond(connection, 200)
  }

  private func problem(updating framework: Framework, to new: MesosFrameworkInfo) -> String? {
    func unsupported(_ field: String, _ from: String, _ to: String) -> String? {
      from == to
        ? nil
        : "Updating 'FrameworkInfo.\(field)' is unsupported; attempted to update from '\(from)' to '\(to)'"
    }
    let old = framework.info
    return (framework.hasPrincipal(of: new) ? nil : FrameworkCheck.changedPrincipal)
      ?? unsupported("user", old.user, new.user)
      ?? unsupported("checkpoint", "\(old.checkpoint)", "\(new.checkpoint)")
  }

  /// Takes over what a framework says of itself, here, in the ledger and on the agents that run its tasks. Offers in roles
  /// that it has left are taken back; what it holds there stays its own.
  func update(_ framework: Framework, _ subscription: Subscription) {
    let old = framework.info
    framework.update(subscription.info)
    framework.offerConstraints = subscription.constraints
    for number in framework.offers.sorted() {
      guard let offer = offers[number], !framework.roles.contains(offer.role) else { continue }
      rescind(offer)
    }
    ledger.update(
      framework: framework.slot, roles: framework.roles, suppressed: subscription.suppressed,
      traits: framework.traits, terms: subscription.terms)
    guard framework.info != old else { return }
    for id in framework.agents.sorted() {
      guard let agent = agents[id] else { continue }
      var event = AgentEvent()
      event.updateFramework.frameworkInfo = framework.info
      send(event, to: agent)
    }
  }

  /// Which agents the constraints of each framework exclude in each of its roles, and in which roles it wants no offers.
  public var offerConstraintsDebug: ViewValue {
    let views = frameworks.mapValues { framework -> ViewValue in
      let excluded = framework.roles.map { role in
        let agents = ledger.excludedAgents(from: framework.slot, in: role).compactMap { agentOfSlot[$0]?.id }
        return (role, ViewValue.list(agents.sorted().map { .text($0) }))
      }
      return [
        "suppressed_roles": .list(ledger.suppressedRoles(of: framework.slot).map { .text($0) }),
        "excluded_by_attribute_constraints": .object(Dictionary(uniqueKeysWithValues: excluded)),
      ]
    }
    return ["frameworks": .object(views)]
  }
}
