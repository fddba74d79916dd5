import Wire

/// Where agents are: docs/fault-domains.md of Mesos.
extension MasterCore {
  /// Whether an agent is in another region than the master; such are only for frameworks that know of regions.
  func isRemote(_ agent: MesosAgentInfo) -> Bool {
    guard agent.hasDomain, agent.domain.hasFaultDomain, let own = configuration.domain else { return false }
    return agent.domain.faultDomain.region != own.faultDomain.region
  }

  /// Why an agent can't be admitted for where it is, or does not say that it is; nil when it can. It is not told to end
  /// itself: with other flags, of it or of the master, it may come back, and its tasks live on until then.
  func problem(ofDomain call: AgentCall.Subscribe) -> String? {
    if call.agentInfo.hasDomain, configuration.domain == nil {
      let domain = String(decoding: WireFormat.json.encode(call.agentInfo.domain), as: UTF8.self)
      return "Agent at \(call.address) is configured with domain \(domain) but the master has no configured domain; "
        + "start the master with --domain or the agent without"
    }
    if configuration.requiresAgentDomain, !call.agentInfo.hasDomain {
      return "Agent at \(call.address) has no domain, but this master is configured to require agent domains; "
        + "start the agent with --domain"
    }
    return nil
  }
}
