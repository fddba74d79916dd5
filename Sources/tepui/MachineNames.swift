import Wire

extension Cluster {
  var maintenanceSchedule: MesosMaintenanceSchedule {
    get async throws { try await operate { $0.type = .getMaintenanceSchedule }.getMaintenanceSchedule.schedule }
  }

  func set(_ schedule: MesosMaintenanceSchedule) async throws {
    _ = try await operate {
      $0.type = .updateMaintenanceSchedule
      $0.updateMaintenanceSchedule.schedule = schedule
    }
  }

  /// Whole names for what people call machines: `HOST,IP`, or a part of it, or the id of an agent, when just one
  /// machine of the agents and the schedule fits. The master knows machines by whole names only.
  func machines(named names: [String], scheduled: MesosMaintenanceSchedule) async throws -> [MesosMachineID] {
    struct Answer: Decodable {
      struct Agent: Decodable {
        var id: String
        var hostname: String
        var pid: String
      }
      var slaves: [Agent]
    }
    var known: [(machine: MesosMachineID, names: Set<String>)] = scheduled.windows.flatMap(\.machineIds).map {
      ($0, [$0.hostname.lowercased(), $0.ip])
    }
    for agent in try Answer(json: try await master("/slaves")).slaves {
      let address = agent.pid.drop { $0 != "@" }.dropFirst()
      let ip = String(address.lastIndex(of: ":").map { address[..<$0] } ?? address)
      let machine = MesosMachineID.with {
        $0.hostname = agent.hostname
        $0.ip = ip
      }
      known.append((machine, [agent.hostname.lowercased(), ip, agent.id]))
    }
    return try names.map { name in
      let words = name.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      if words.count == 2 {
        return .with {
          if !words[0].isEmpty { $0.hostname = words[0] }
          if !words[1].isEmpty { $0.ip = words[1] }
        }
      }
      let fitting = Dictionary(
        known.filter { $0.names.contains(name) || $0.names.contains(name.lowercased()) }.map {
          ($0.machine.key, $0.machine)
        }
      ) { first, _ in first }
      guard let machine = fitting.values.first else {
        throw Failure("no agent and no scheduled machine is called '\(name)'; give both names as HOST,IP")
      }
      guard fitting.count == 1 else {
        throw Failure("'\(name)' may be any of \(fitting.keys.sorted().joined(separator: " ")); give one of them")
      }
      return machine
    }
  }
}

extension MesosMaintenanceSchedule {
  /// Takes machines off; a window without machines goes, too.
  mutating func remove(_ machines: [MesosMachineID]) {
    let keys = Set(machines.map(\.key))
    for index in windows.indices { windows[index].machineIds.removeAll { keys.contains($0.key) } }
    windows.removeAll { $0.machineIds.isEmpty }
  }
}

extension MesosMachineID {
  /// The case of a host name means nothing.
  fileprivate var key: String { "\(hostname.lowercased()),\(ip)" }
}
