import Wire

extension MasterSnapshot {
  /// What each framework has called and was told, under `master/frameworks/<name>/<id>` as in Mesos.
  var frameworkMetrics: [String: Double] {
    // Looked up once, not for each framework.
    let calls = names(of: SchedulerCall.TypeEnum.allCases.filter { $0 != .unknown }, \.protocolName)
    let events = names(of: SchedulerEvent.TypeEnum.allCases.filter { $0 != .unknown }, \.protocolName)
    let operations = names(of: MesosOffer.Operation.TypeEnum.allCases.filter { $0 != .unknown }, \.protocolName)
    let states = names(of: MesosTaskState.allCases, \.protocolName)
    var values: [String: Double] = [:]
    for framework in frameworks {
      let prefix = "master/frameworks/\(framework.info.name.percentEncoded)/\(framework.info.id.value)"
      let metrics = framework.metrics
      values["\(prefix)/subscribed"] = framework.isConnected ? 1 : 0
      values["\(prefix)/offers/sent"] = Double(metrics.offersSent)
      values["\(prefix)/offers/accepted"] = Double(metrics.offersAccepted)
      values["\(prefix)/offers/declined"] = Double(metrics.offersDeclined)
      values["\(prefix)/offers/rescinded"] = Double(metrics.offersRescinded)
      add(metrics.calls, calls, "\(prefix)/calls", to: &values)
      add(metrics.events, events, "\(prefix)/events", to: &values)
      add(metrics.operations, operations, "\(prefix)/operations", to: &values)
      for role in framework.roles {
        values["\(prefix)/roles/\(role)/suppressed"] = framework.suppressedRoles.contains(role) ? 1 : 0
      }
      let active = activeCounts(of: framework)
      for (state, name) in states {
        if state.isTerminal {
          values["\(prefix)/tasks/terminal/\(name)"] = Double(metrics.taskEnds[state] ?? 0)
        } else {
          values["\(prefix)/tasks/active/\(name)"] = Double(active[state] ?? 0)
        }
      }
    }
    return values
  }

  private func activeCounts(of framework: FrameworkSnapshot) -> [MesosTaskState: Int] {
    var counts: [MesosTaskState: Int] = [.taskUnreachable: framework.unreachableTasks.count]
    for task in framework.tasks { counts[task.state, default: 0] += 1 }
    return counts
  }

  private func names<Kind>(of kinds: [Kind], _ name: (Kind) -> String) -> [(kind: Kind, name: String)] {
    kinds.map { ($0, name($0).lowercased()) }
  }

  /// Counts of a kind, each under its name, and their sum.
  private func add<Kind: Hashable>(
    _ counts: [Kind: Int], _ kinds: [(kind: Kind, name: String)], _ prefix: String, to values: inout [String: Double]
  ) {
    values[prefix] = Double(counts.values.reduce(0, +))
    for (kind, name) in kinds { values["\(prefix)/\(name)"] = Double(counts[kind] ?? 0) }
  }
}

extension String {
  /// With all but letters, digits and `-_.~` as percent and two digits, so that a name has no `/` in it.
  fileprivate var percentEncoded: String {
    var encoded = ""
    for byte in utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "~"):
        encoded.append(Character(Unicode.Scalar(byte)))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        encoded += "%" + (digits.utf8.count == 1 ? "0" : "") + digits
      }
    }
    return encoded
  }
}
