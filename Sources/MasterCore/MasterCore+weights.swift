import Resources
import Wire

extension MasterCore {
  /// All weights of the call or none; in force as soon as they are safe.
  func updateWeights(_ infos: [MesosWeightInfo], from connection: ConnectionID) {
    let problem = "Failed to validate update weights request JSON"
    for info in infos {
      do { try Role.validate(info.role) } catch {
        return respond(connection, 400, "\(problem): Invalid role '\(info.role)': \(error)")
      }
      if let roles = configuration.roles, info.role != Role.star, !roles.contains(info.role) {
        return respond(connection, 400, "\(problem): Unknown role '\(info.role)'")
      }
      guard info.weight > 0, info.weight.isFinite else {
        return respond(
          connection, 400,
          "\(problem) for role '\(info.role)': Invalid weight '\(text(info.weight))': Weights must be positive")
      }
    }
    persist(infos.map { .put(.weight, $0.role, $0) }) { core in
      for info in infos { core.setWeight(info.weight, of: info.role) }
      core.takeBackOffers(forRoles: infos.map(\.role))
      core.respond(connection, 200)
    }
  }

  /// Offers were made by the old weights. If anybody has other ones now, all are made anew, as in Mesos.
  private func takeBackOffers(forRoles changed: [String]) {
    let isChanged = { (role: String) in changed.contains { Role.isAtOrBelow(role, $0) } }
    guard frameworks.values.contains(where: { $0.roles.contains(where: isChanged) }) else { return }
    for number in offers.keys.sorted() { offers[number].map(rescind) }
  }

  func setWeight(_ weight: Double, of role: String) {
    weights[role] = weight
    // The ledger counts in thousandths, and a weight is never nothing.
    ledger.setWeight(max(1, Quantity(weight).thousandths), ofRole: role)
  }

  /// As Mesos prints a number: -2, 0.5.
  private func text(_ weight: Double) -> String {
    weight.isFinite && weight.rounded() == weight && abs(weight) < 1e15 ? String(Int64(weight)) : String(weight)
  }
}
