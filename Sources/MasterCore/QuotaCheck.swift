import Allocation
import Resources
import Wire

extension MesosQuotaConfig {
  /// Guarantees of nothing are none.
  var quota: RoleQuota {
    RoleQuota(
      guarantees: guarantees.mapValues { Quantity($0.value) }.filter { $0.value > .zero },
      limits: limits.mapValues { Quantity($0.value) })
  }

  /// What is wrong with the amounts, in Mesos' order and words; nil when nothing is.
  var problemOfAmounts: String? {
    for (field, amounts) in [("guarantees", guarantees), ("limits", limits)] {
      for (name, amount) in amounts.sorted(by: { $0.key < $1.key }) {
        guard let limit = Self.exceededLimit(name, amount.value) else { continue }
        return "Invalid 'QuotaConfig.\(field)': {'\(name)': \(text(amount.value))} is invalid: values greater than "
          + "\(limit) are not supported"
      }
    }
    for (kind, amounts) in [("guarantee", guarantees), ("limit", limits)] {
      for (name, amount) in amounts.sorted(by: { $0.key < $1.key }) {
        guard let problem = Self.problem(of: amount.value) else { continue }
        return "Invalid \(kind) configuration {'\(name)': \(text(amount.value))}: \(problem) not supported"
      }
    }
    let quota = quota
    guard quota.guarantees.allSatisfy({ name, amount in quota.limits[name].map { $0 >= amount } ?? true }) else {
      return "'QuotaConfig.guarantees' \(braced(quota.guarantees)) is not contained within the 'QuotaConfig.limits' "
        + "\(braced(quota.limits))"
    }
    return nil
  }

  private static func exceededLimit(_ name: String, _ amount: Double) -> String? {
    if amount == .infinity { return nil }
    if name == "mem" || name == "disk" { return amount > 0x1p40 ? "1 exabyte (1099511627776)" : nil }
    return amount > 1e12 ? "1 trillion (1000000000000)" : nil
  }

  private static func problem(of amount: Double) -> String? {
    if amount.isNaN { return "NaN" }
    if amount.isInfinite { return "Infinite values" }
    if amount < 0 { return "Negative values" }
    // Mesos takes them for nothing, without a word.
    return amount > 0 && Quantity(amount) == .zero ? "Values below 0.001" : nil
  }

  /// `4`, `0.5`
  private func text(_ amount: Double) -> String {
    let quantity = Quantity(amount)
    return quantity.units == amount ? quantity.description : "\(amount)"
  }

  /// `{ cpus: 4 }`
  private func braced(_ amounts: [String: Quantity]) -> String {
    "{ " + amounts.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ") + " }"
  }
}

extension MesosQuotaRequest {
  /// The newer form of the same: the guarantee is the limit, too. Throws in Mesos' order and words.
  var config: MesosQuotaConfig {
    get throws(ResourceError) {
      var resources: [Resource] = []
      for message in guarantee {
        do { resources.append(try Resource(wire: message)) } catch {
          throw ResourceError("QuotaInfo with invalid resource: \(error)")
        }
      }
      do { try Role.validate(role) } catch { throw ResourceError("QuotaInfo with invalid role: \(error)") }
      if resources.isEmpty { throw ResourceError("QuotaInfo with empty 'guarantee'") }
      var config = MesosQuotaConfig()
      config.role = role
      for (resource, message) in zip(resources, guarantee) {
        try resource.validateAsQuota()
        guard config.guarantees.updateValue(message.scalar, forKey: resource.name) == nil else {
          throw ResourceError("QuotaInfo contains duplicate resource name '\(resource.name)'")
        }
      }
      config.limits = config.guarantees
      return config
    }
  }
}

extension Resource {
  fileprivate func validateAsQuota() throws(ResourceError) {
    if !reservations.isEmpty { throw ResourceError("QuotaInfo must not contain any ReservationInfo") }
    if hasDisk { throw ResourceError("QuotaInfo must not contain DiskInfo") }
    if isRevocable { throw ResourceError("QuotaInfo must not contain RevocableInfo") }
    guard case .scalar = value else { throw ResourceError("QuotaInfo must not include non-scalar resources") }
  }
}
