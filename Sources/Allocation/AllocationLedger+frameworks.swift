import Resources

extension AllocationLedger {
  /// Adds a framework that wants offers in `roles`, all but the suppressed ones.
  public func addFramework(
    _ name: String, roles: [String], suppressed: [String] = [], traits: FrameworkTraits = FrameworkTraits(),
    terms: [String: RoleTerms] = [:]
  ) -> UInt32 {
    let id = frameworkIDs.take()
    while frameworks.count < Int(frameworkIDs.count) { frameworks.append(nil) }
    frameworkNames.set(name, for: id)
    frameworks[Int(id)] = FrameworkBook(name: name, traits: traits)
    update(framework: id, roles: roles, suppressed: suppressed, traits: traits, terms: terms)
    return id
  }

  /// Sets roles, suppressed roles, traits and terms anew, as at a subscription. What was refused in a role is forgotten
  /// when the framework leaves it, and when offers are no longer suppressed there.
  public func update(
    framework: UInt32, roles: [String], suppressed: [String], traits: FrameworkTraits, terms: [String: RoleTerms] = [:]
  ) {
    guard frameworkExists(framework) else { return }
    let roles = Set(roles)
    let suppressed = Set(suppressed)
    let traitsChanged = frameworks[Int(framework)]?.traits != traits
    frameworks[Int(framework)]?.traits = traits
    for (role, id) in frameworks[Int(framework)]?.claimants ?? [] {
      guard let book = claimants[Int(id)] else { continue }
      let wasSuppressed = book.isSuppressed
      book.isSubscribed = roles.contains(role)
      book.isSuppressed = suppressed.contains(role)
      if !book.isSubscribed || book.isSuppressed { book.wantsSinceNs = nil }
      if !book.isSubscribed || (wasSuppressed && !book.isSuppressed) { removeFilters(of: id) }
      setTerms(terms[role] ?? RoleTerms(), of: id)
      if traitsChanged { judgeTraits(of: id) }
    }
    for role in roles.sorted() where claimant(of: framework, in: role) == nil {
      let id = addClaimant(framework, role: role, isSubscribed: true, isSuppressed: suppressed.contains(role))
      setTerms(terms[role] ?? RoleTerms(), of: id)
    }
    forgetIdleClaimants(of: framework)
    activityChanged(of: framework)
  }

  /// Roles that a framework has left are kept as long as it holds something there.
  private func forgetIdleClaimants(of framework: UInt32) {
    for (_, claimant) in frameworks[Int(framework)]?.claimants ?? [] {
      guard claimants[Int(claimant)]?.isSubscribed == false else { continue }
      let row = claimantAllocated.row(claimant)
      if (0..<kindNames.count).allSatisfy({ row[$0] == 0 }) { removeClaimant(claimant) }
    }
    frameworks[Int(framework)]?.claimants.removeAll { claimants[Int($0.id)] == nil }
  }

  /// A framework that is not connected keeps what it holds and gets nothing; what it refused is forgotten.
  public func setActive(_ isActive: Bool, framework: UInt32) {
    guard frameworkExists(framework), frameworks[Int(framework)]?.isActive != isActive else { return }
    frameworks[Int(framework)]?.isActive = isActive
    forEachClaimant(of: framework, in: nil) {
      claimants[Int($0)]?.wantsSinceNs = nil
      if !isActive { removeFilters(of: $0) }
    }
    activityChanged(of: framework)
  }

  /// Stops offers to the framework in `roles`, or in all of its roles when nil.
  public func suppress(framework: UInt32, roles: [String]? = nil) {
    forEachClaimant(of: framework, in: roles) {
      claimants[Int($0)]?.isSuppressed = true
      claimants[Int($0)]?.wantsSinceNs = nil
    }
    activityChanged(of: framework)
  }

  /// Offers again in `roles`, or in all of its roles when nil, and forgets what was refused (protocol fact 48).
  public func revive(framework: UInt32, roles: [String]? = nil) {
    forEachClaimant(of: framework, in: roles) { claimant in
      claimants[Int(claimant)]?.isSuppressed = false
      removeFilters(of: claimant)
    }
    activityChanged(of: framework)
  }

  /// Forgets a framework. What it holds must have been recovered before.
  public func removeFramework(_ framework: UInt32) {
    guard frameworkExists(framework), let book = frameworks[Int(framework)] else { return }
    for (_, claimant) in book.claimants { removeClaimant(claimant) }
    frameworks[Int(framework)] = nil
    frameworkNames.remove(framework)
    frameworkIDs.giveBack(framework)
    changedSinceAll = true
  }

  private func removeClaimant(_ claimant: UInt32) {
    setWanting(false, claimant)
    removeFilters(of: claimant)
    setTerms(RoleTerms(), of: claimant)
    blocked.removeAll(claimant: claimant)
    let role = claimantRole[claimant]
    roles.subtractAllocated(claimantAllocated.row(claimant), in: role)
    roles.leave(role)
    claimantAllocated.clear(claimant)
    claimantFramework[claimant] = noID
    claimantRole[claimant] = noID
    claimants[Int(claimant)] = nil
    shared.forget(claimant: claimant)
    claimantIDs.giveBack(claimant)
  }

  /// The roles of a framework in which it wants no offers, in order.
  public func suppressedRoles(of framework: UInt32) -> [String] {
    guard frameworkExists(framework) else { return [] }
    return (frameworks[Int(framework)]?.claimants ?? []).compactMap { role, claimant in
      claimants[Int(claimant)].flatMap { $0.isSubscribed && $0.isSuppressed ? role : nil }
    }.sorted()
  }

  /// Refuse filters in force, by role; of roles that somebody has.
  public var filterCounts: [String: Int] {
    var counts: [String: Int] = [:]
    for (claimant, book) in claimants.enumerated() {
      guard let book else { continue }
      counts[book.role, default: 0] += filters.count(of: UInt32(claimant))
    }
    return counts
  }

  func frameworkExists(_ framework: UInt32) -> Bool {
    framework < frameworks.count && frameworks[Int(framework)] != nil
  }

  func claimant(of framework: UInt32, in role: String) -> UInt32? {
    guard frameworkExists(framework) else { return nil }
    return frameworks[Int(framework)]?.claimants.first { $0.role == role }?.id
  }

  /// The claimant that holds things in `role`; made without wanting offers when the framework is not in that role.
  func holder(of framework: UInt32, in role: String) -> UInt32 {
    claimant(of: framework, in: role)
      ?? addClaimant(framework, role: role, isSubscribed: false, isSuppressed: false)
  }

  @discardableResult
  private func addClaimant(_ framework: UInt32, role: String, isSubscribed: Bool, isSuppressed: Bool) -> UInt32 {
    let id = claimantIDs.take()
    let count = Int(claimantIDs.count)
    while claimants.count < count { claimants.append(nil) }
    claimantFramework.grow(to: count)
    claimantRole.grow(to: count)
    claimantAllocated.growRows(to: count)
    blocked.growClaimants(to: count)
    excluded.growClaimants(to: count)
    claimants[Int(id)] = ClaimantBook(
      role: role, framework: framework, isSubscribed: isSubscribed, isSuppressed: isSuppressed)
    claimantFramework[id] = framework
    claimantRole[id] = roles.join(role)
    frameworks[Int(framework)]?.claimants.append((role, id))
    judgeTraits(of: id)
    return id
  }

  private func forEachClaimant(of framework: UInt32, in roles: [String]?, _ body: (UInt32) -> Void) {
    guard frameworkExists(framework) else { return }
    for (role, id) in frameworks[Int(framework)]?.claimants ?? [] where roles?.contains(role) ?? true { body(id) }
  }

  private func removeFilters(of claimant: UInt32) {
    for agent in filters.removeAll(claimant: claimant).sorted() {
      judge(claimant, agent)
      mark(agent)
    }
  }

  /// Every agent is looked at again when there is somebody new to have it.
  private func activityChanged(of framework: UInt32) {
    forEachClaimant(of: framework, in: nil) { setWanting(wantsOffers($0), $0) }
    changedSinceAll = true
    if frameworks[Int(framework)]?.claimants.contains(where: { isActive($0.id) }) ?? false { considerAll() }
  }

  private func wantsOffers(_ claimant: UInt32) -> Bool {
    guard let book = claimants[Int(claimant)] else { return false }
    return book.isSubscribed && !book.isSuppressed && frameworks[Int(book.framework)]?.isActive ?? false
  }

  private func setWanting(_ wants: Bool, _ claimant: UInt32) {
    guard let book = claimants[Int(claimant)], book.wantsOffers != wants else { return }
    book.wantsOffers = wants
    blocked.setCounted(wants, claimant: claimant)
    if wants { active.insertAscending(claimant) } else { active.removeAscending(claimant) }
  }

  func isActive(_ claimant: UInt32) -> Bool {
    claimant < claimants.count && claimants[Int(claimant)]?.wantsOffers ?? false
  }
}
