import Wire

/// A machine as an operator names it. As in Mesos, an agent is on it when its host name, whatever the case, and its
/// address are both the same; a name that is left out matches no agent.
struct Machine: Hashable, Sendable {
  /// In lower case.
  let hostname: String?
  let ip: String?

  init(_ id: MesosMachineID) {
    hostname = id.hasHostname ? id.hostname.lowercased() : nil
    ip = id.hasIp ? id.ip : nil
  }

  /// Of an agent.
  ///
  /// - Parameter address: `ip:port`.
  init(hostname: String, address: String) {
    self.hostname = hostname.lowercased()
    ip = AgentAddress(address).ip
  }
}

extension Agent {
  var machine: Machine { Machine(hostname: info.hostname, address: address) }
}

extension MesosMachineID {
  /// What is wrong with the name, in Mesos' words; nil when nothing is.
  var problem: String? {
    if hostname.isEmpty, ip.isEmpty { return "Both 'hostname' and 'ip' for a machine are empty" }
    return ip.isEmpty || Self.isIPv4(ip) ? nil : "Failed to parse IPv4: \(ip)"
  }

  /// As texts of Mesos show it: `{"hostname":"a","ip":"10.0.0.1"}`.
  var text: String { String(decoding: WireFormat.json.encode(self), as: UTF8.self) }

  private static func isIPv4(_ text: String) -> Bool {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4
      && parts.allSatisfy { part in
        part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } && UInt8(part) != nil
          && (part.count == 1 || part.first != "0")
      }
  }
}
