import Wire

/// Calls by what they say, so that schedulers read like the protocol.
extension SchedulerCall {
  public static func accept(_ offers: [MesosOfferID], launching tasks: [MesosTaskInfo], refuseSeconds: Double)
    -> SchedulerCall
  {
    var call = SchedulerCall()
    call.type = .accept
    call.accept.offerIds = offers
    var operation = MesosOffer.Operation()
    operation.type = .launch
    operation.launch.taskInfos = tasks
    call.accept.operations = [operation]
    call.accept.filters.refuseSeconds = refuseSeconds
    return call
  }

  public static func decline(_ offers: [MesosOfferID], refuseSeconds: Double) -> SchedulerCall {
    var call = SchedulerCall()
    call.type = .decline
    call.decline.offerIds = offers
    call.decline.filters.refuseSeconds = refuseSeconds
    return call
  }

  /// Nil for an update that must not be acknowledged (protocol fact 66).
  public static func acknowledge(_ status: MesosTaskStatus) -> SchedulerCall? {
    guard status.hasUuid else { return nil }
    var call = SchedulerCall()
    call.type = .acknowledge
    call.acknowledge.agentID = status.agentID
    call.acknowledge.taskID = status.taskID
    call.acknowledge.uuid = status.uuid
    return call
  }

  public static func kill(_ task: MesosTaskID) -> SchedulerCall {
    var call = SchedulerCall()
    call.type = .kill
    call.kill.taskID = task
    return call
  }

  public static func bare(_ type: TypeEnum) -> SchedulerCall {
    var call = SchedulerCall()
    call.type = type
    return call
  }
}

extension MesosFrameworkInfo {
  public mutating func setCapabilities(_ types: Capability.TypeEnum...) {
    capabilities = types.map { type in
      var capability = Capability()
      capability.type = type
      return capability
    }
  }
}

extension MesosResource {
  public static func scalar(_ name: String, _ value: Double) -> MesosResource {
    var resource = MesosResource()
    resource.name = name
    resource.type = .scalar
    resource.scalar.value = value
    return resource
  }
}

extension MesosOffer {
  /// Resources of the offer that make up this much of a scalar, reserved ones first: what is reserved for the role is of
  /// no use to others. Less if the offer has less.
  public func share(_ name: String, _ amount: Double) -> [MesosResource] {
    var missing = amount
    let candidates = resources.filter { $0.name == name }
    let ordered = candidates.filter { !$0.reservations.isEmpty } + candidates.filter(\.reservations.isEmpty)
    return ordered.compactMap { resource in
      var part = resource
      part.scalar.value = min(missing, resource.scalar.value)
      missing -= part.scalar.value
      return part.scalar.value > 0 ? part : nil
    }
  }

  /// The sum of a scalar resource, whatever its reservations.
  public func scalar(_ name: String) -> Double {
    resources.filter { $0.name == name }.reduce(0) { $0 + $1.scalar.value }
  }
}
