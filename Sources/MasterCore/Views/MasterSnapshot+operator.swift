import Wire

extension MasterSnapshot {
  /// The answer to a call of the operator API that only reads; nil for a call that does not (protocol fact 117).
  public func answer(_ call: MesosMasterCall) -> MesosMasterResponse? {
    var response = MesosMasterResponse()
    switch call.type {
    case .getHealth:
      response.type = .getHealth
      response.getHealth.healthy = true
    case .getWeights:
      response.type = .getWeights
      response.getWeights.weightInfos = weights.sorted { $0.key < $1.key }.map { role, weight in
        .with {
          $0.role = role
          $0.weight = weight
        }
      }
    default: return nil
    }
    return response
  }
}
