import Resources
import Wire

extension AgentSnapshot {
  /// Protocol fact 146.
  var view: ViewValue {
    [
      "id": .text(id), "hostname": .text(info.hostname), "port": .integer(port), "pid": .text("slave(1)@\(address)"),
      "attributes": attributes, "registered_time": .number(registeredTime), "reregistered_time": .of(reregisteredTime),
      "resources": ResourcesView.summary(total), "used_resources": ResourcesView.summary(allocated - offered),
      "offered_resources": ResourcesView.summary(offered), "reserved_resources": ResourcesView.reserved(total),
      "unreserved_resources": ResourcesView.summary(total.unreserved), "active": .boolean(isActive && !isDeactivated),
      "deactivated": .boolean(isDeactivated), "drain_info": drain?.view ?? .absent,
      "version": .text(version),
      "capabilities": ["MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT"],
    ]
  }

  /// As /slaves shows it.
  var fullView: ViewValue {
    view.adding([
      "reserved_resources_full": ResourcesView.reservedFull(total),
      "unreserved_resources_full": ResourcesView.full(total.unreserved),
      "used_resources_full": ResourcesView.full(allocated - offered),
      "offered_resources_full": ResourcesView.full(offered),
    ])
  }

  private var port: Int { address.lastIndex(of: ":").flatMap { Int(address[address.index(after: $0)...]) } ?? 0 }

  private var attributes: ViewValue {
    var members: [String: ViewValue] = [:]
    for attribute in info.attributes {
      guard let attribute = try? Attribute(wire: attribute) else { continue }
      switch attribute.value {
      case .scalar(let quantity): members[attribute.name] = .number(quantity.units)
      case .ranges(let ranges): members[attribute.name] = .text(ranges.description)
      case .text(let text): members[attribute.name] = .text(text)
      }
    }
    return .object(members)
  }
}

extension MesosDrainInfo {
  fileprivate var view: ViewValue {
    var config: [String: ViewValue] = ["mark_gone": .boolean(self.config.markGone)]
    if self.config.hasMaxGracePeriod {
      config["max_grace_period"] = ["nanoseconds": .number(Double(self.config.maxGracePeriod.nanoseconds))]
    }
    return ["state": .text(state.protocolName), "config": .object(config)]
  }
}
