import Wire

/// What is wrong with what an operator says of maintenance, in Mesos' words.
extension Maintenance {
  /// nil when `schedule` may take the place of this one.
  func problem(replacingBy schedule: MesosMaintenanceSchedule) -> String? {
    var seen: Set<Machine> = []
    for window in schedule.windows {
      if window.machineIds.isEmpty { return "List of machines in the maintenance window is empty" }
      if window.unavailability.duration.nanoseconds < 0 { return "Unavailability 'duration' is negative" }
      if let problem = Self.problem(of: window.machineIds, seen: &seen) { return problem }
    }
    // A machine comes up by being brought up, not by being forgotten.
    let dropped = machines.first { down.contains(Machine($0)) && !seen.contains(Machine($0)) }
    return dropped.map { "Machine '\($0.text)' is deactivated and cannot be removed from the schedule" }
  }

  /// nil when all `machines` are in `mode`, out of which `change` takes them.
  ///
  /// - Parameter isKnown: whether there is an agent on a machine that is not in the schedule.
  func problem(
    of machines: [MesosMachineID], notIn mode: Mode, _ change: String, isKnown: (Machine) -> Bool
  ) -> String? {
    if machines.isEmpty { return "List of machines is empty" }
    var seen: Set<Machine> = []
    if let problem = Self.problem(of: machines, seen: &seen) { return problem }
    for id in machines {
      let machine = Machine(id)
      if unavailabilities[machine] == nil, !isKnown(machine) {
        return "Machine '\(id.text)' is not part of a maintenance schedule"
      }
      if self.mode(of: machine) != mode {
        return "Machine '\(id.text)' is not in \(mode == .down ? "DOWN" : "DRAINING") mode and cannot be \(change)"
      }
    }
    return nil
  }

  private static func problem(of machines: [MesosMachineID], seen: inout Set<Machine>) -> String? {
    for id in machines {
      if let problem = id.problem { return problem }
      if !seen.insert(Machine(id)).inserted { return "Machine '\(id.text)' appears more than once in the schedule" }
    }
    return nil
  }
}
