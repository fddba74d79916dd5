import Wire

/// Where an agent listens, as it says itself: `ip:port`.
struct AgentAddress {
  let ip: String
  /// Mesos' own for agents where none is said.
  let port: Int

  init(_ text: String) {
    let colon = text.lastIndex(of: ":")
    ip = colon.map { String(text[..<$0]) } ?? text
    port = colon.flatMap { Int(text[text.index(after: $0)...]) } ?? 5051
  }
}

extension MesosAgentInfo {
  /// - Parameter address: `ip:port`.
  func url(at address: String) -> MesosURL {
    let address = AgentAddress(address)
    return .with {
      $0.scheme = "http"
      $0.address.hostname = hostname
      $0.address.ip = address.ip
      $0.address.port = Int32(clamping: address.port)
      $0.path = "/slave(1)"
    }
  }
}

extension MesosOffer {
  /// What offers say of their agent (protocol fact 43).
  ///
  /// - Parameters:
  ///   - agent: with its id.
  ///   - executors: ids of those of the framework on it.
  init(
    _ id: String, to framework: String, on agent: MesosAgentInfo, at address: String, executors: some Sequence<String>,
    unavailability: MesosUnavailability?
  ) {
    self.init()
    self.id.value = id
    frameworkID.value = framework
    agentID = agent.id
    hostname = agent.hostname
    url = agent.url(at: address)
    attributes = agent.attributes
    executorIds = executors.sorted().map { id in .with { $0.value = id } }
    if agent.hasDomain { domain = agent.domain }
    if let unavailability { self.unavailability = unavailability }
  }
}

extension MesosInverseOffer {
  /// Without resources: all of the agent is meant.
  init(
    _ id: String, to framework: String, on agent: MesosAgentInfo, at address: String,
    _ unavailability: MesosUnavailability
  ) {
    self.init()
    self.id.value = id
    url = agent.url(at: address)
    frameworkID.value = framework
    agentID = agent.id
    self.unavailability = unavailability
  }
}
