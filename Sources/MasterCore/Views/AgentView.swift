import Resources
import Wire

extension AgentSnapshot {
  func write(to json: inout JSONWriter) {
    json.object { writeMembers(to: &$0) }
  }

  /// Protocol fact 146.
  func writeMembers(to json: inout JSONWriter) {
    json.member("id", id)
    json.member("hostname", info.hostname)
    json.member("port", AgentAddress(address).port)
    json.member("pid", "slave(1)@\(address)")
    json.object("attributes", writeAttributes)
    json.member("registered_time", registeredTime)
    json.member("reregistered_time", reregisteredTime)
    json.summary("resources", total)
    json.summary("used_resources", allocated - offered)
    json.summary("offered_resources", offered)
    json.reserved("reserved_resources", total)
    json.summary("unreserved_resources", total.unreserved)
    json.member("active", isActive && !isDeactivated)
    json.member("deactivated", isDeactivated)
    if info.hasDomain {
      json.name("domain")
      json.value(json: WireFormat.json.encode(info.domain))
    }
    if let drain {
      json.name("drain_info")
      drain.view.write(to: &json)
    }
    json.member("version", version)
    json.member("capabilities", Self.capabilities)
  }

  /// As /slaves shows it.
  func writeFull(to json: inout JSONWriter) {
    json.object { json in
      writeMembers(to: &json)
      json.reservedFull("reserved_resources_full", total)
      json.full("unreserved_resources_full", total.unreserved)
      json.full("used_resources_full", allocated - offered)
      json.full("offered_resources_full", offered)
    }
  }

  static let capabilityTypes: [MesosAgentInfo.Capability.TypeEnum] = [
    .multiRole, .hierarchicalRole, .reservationRefinement,
  ]
  private static let capabilities = capabilityTypes.map(\.protocolName)

  private func writeAttributes(to json: inout JSONWriter) {
    for attribute in info.attributes {
      guard let attribute = try? Attribute(wire: attribute) else { continue }
      json.name(attribute.name)
      switch attribute.value {
      case .scalar(let quantity): json.value(thousandths: quantity.thousandths)
      case .ranges(let ranges): json.value(ranges.description)
      case .text(let text): json.value(text)
      }
    }
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
