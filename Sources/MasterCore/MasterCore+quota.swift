import Allocation
import Resources
import Wire

/// Quotas at run time (protocol fact 121).
extension MasterCore {
  /// All quotas of the call or none.
  func updateQuota(_ call: MesosMasterCall.UpdateQuota, from connection: ConnectionID) {
    for config in call.quotaConfigs {
      if let problem = problem(of: config) { return respond(connection, 400, problem) }
    }
    if !call.force,
      let problem = problemOfConsumption(call.quotaConfigs)
        ?? problemOfCapacity(call.quotaConfigs).map({ "total \($0)" })
    {
      return respond(connection, 400, "Invalid QuotaConfig: \(problem) (use 'force' flag to bypass this check)")
    }
    setQuotas(call.quotaConfigs) { $0.respond(connection, 200) }
  }

  /// The older form: a guarantee that is the limit, too.
  func setQuota(_ request: MesosQuotaRequest, from connection: ConnectionID) {
    let prefix = "Failed to validate set quota request:"
    let config: MesosQuotaConfig
    do { config = try request.config } catch { return respond(connection, 400, "\(prefix) \(error)") }
    if !isListed(config.role) { return respond(connection, 400, "\(prefix) Unknown role '\(config.role)'") }
    if quotas[config.role] != nil {
      return respond(
        connection, 400, "\(prefix) Cannot set quota for role '\(config.role)' which already has quota")
    }
    if Role.parent(of: config.role) != nil {
      return respond(connection, 400, "Setting quota on nested role '\(config.role)' is not supported yet")
    }
    if let problem = config.problemOfAmounts { return respond(connection, 400, "\(prefix) \(problem)") }
    if !request.force, let problem = problemOfCapacity([config]) {
      return respond(
        connection, 409, "Quota guarantees overcommit the cluster (use 'force' to bypass this check): Total \(problem)")
    }
    setQuotas([config]) { $0.respond(connection, 200) }
  }

  func removeQuota(ofRole role: String, from connection: ConnectionID) {
    guard quotas[role] != nil else {
      return respond(connection, 400, "Failed to remove quota: Role '\(role)' has no quota set")
    }
    setQuotas([.with { $0.role = role }]) { $0.respond(connection, 200) }
  }

  private func setQuotas(_ configs: [MesosQuotaConfig], then: @escaping (MasterCore) -> Void) {
    let changes = configs.map { config -> RegistryChange in
      config.quota.isEmpty ? .delete(.quota, config.role) : .put(.quota, config.role, config)
    }
    persist(changes) { core in
      for config in configs { core.apply(config) }
      for config in configs { core.makeRoom(for: config) }
      then(core)
    }
  }

  func apply(_ config: MesosQuotaConfig) {
    quotas[config.role] = config.quota.isEmpty ? nil : config
    ledger.setQuota(config.quota, ofRole: config.role)
  }

  /// Takes offers back that a quota forbids, or that its guarantee needs (protocol fact 46). The newest first: they are
  /// the least likely to be in use.
  private func makeRoom(for config: MesosQuotaConfig) {
    let quota = config.quota
    for number in offers.keys.sorted(by: >) {
      guard let offer = offers[number] else { continue }
      let consumed = Dictionary(
        uniqueKeysWithValues: ledger.consumedQuota(ofRole: config.role).map { ($0.name, $0.amount) })
      let plain = offer.resources.unreserved
      let holds = { (name: String) in plain.total(of: name) > .zero }
      if Role.isAtOrBelow(offer.role, config.role) {
        if quota.limits.contains(where: { (consumed[$0.key] ?? .zero) > $0.value && holds($0.key) }) { rescind(offer) }
      } else if quota.guarantees.contains(where: { name, amount in
        amount > (consumed[name] ?? .zero) + ledger.freeAmount(of: name) && holds(name)
      }) {
        rescind(offer)
      }
    }
  }

  // MARK: Checks

  private func problem(of config: MesosQuotaConfig) -> String? {
    if !isListed(config.role) { return "Invalid QuotaConfig: '\(config.role)' is not on the roles whitelist" }
    if Role.parent(of: config.role) != nil {
      return "Updating quota on nested role '\(config.role)' is not supported yet"
    }
    do { try Role.validate(config.role) } catch {
      return "Invalid QuotaConfig: Invalid 'QuotaConfig.role': \(error)"
    }
    return config.problemOfAmounts.map { "Invalid QuotaConfig: \($0)" }
  }

  private func isListed(_ role: String) -> Bool {
    role == Role.star || configuration.roles?.contains(role) ?? true
  }

  private func problemOfConsumption(_ configs: [MesosQuotaConfig]) -> String? {
    for config in configs {
      let limits = config.quota.limits
      let consumed = consumedBesidesOffers(ofRole: config.role)
      guard limits.contains(where: { (consumed[$0.key] ?? .zero) > $0.value }) else { continue }
      return "Role '\(config.role)' is already consuming '\(text(consumed))'; this is more than the requested limits "
        + "'\(text(limits))'"
    }
    return nil
  }

  private func problemOfCapacity(_ configs: [MesosQuotaConfig]) -> String? {
    var all = quotas
    for config in configs { all[config.role] = config }
    var sum: [String: Quantity] = [:]
    for config in all.values {
      for (name, amount) in config.quota.guarantees { sum[name] = (sum[name] ?? .zero) + amount }
    }
    let capacity = Dictionary(uniqueKeysWithValues: ledger.capacity.map { ($0.name, $0.amount) })
    guard sum.contains(where: { $0.value > (capacity[$0.key] ?? .zero) }) else { return nil }
    return "quota guarantees '\(text(sum))' exceed cluster capacity '\(text(capacity))'"
  }

  /// What a role uses or has reserved; offers can be taken back.
  private func consumedBesidesOffers(ofRole role: String) -> [String: Quantity] {
    var consumed = Dictionary(uniqueKeysWithValues: ledger.consumedQuota(ofRole: role).map { ($0.name, $0.amount) })
    for offer in offers.values where Role.isAtOrBelow(offer.role, role) {
      for (name, amount) in offer.resources.unreserved.scalarTotals {
        consumed[name] = max(.zero, (consumed[name] ?? .zero) - amount)
      }
    }
    return consumed.filter { $0.value > .zero }
  }

  /// `cpus:8; mem:64`
  private func text(_ amounts: [String: Quantity]) -> String {
    amounts.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" }.joined(separator: "; ")
  }
}
