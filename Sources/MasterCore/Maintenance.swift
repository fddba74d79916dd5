import Wire

/// Which machines will be away, when, and which are already: what the registry holds of maintenance.
///
/// A machine of the schedule is draining, until it is taken down; one that is down stays in the schedule until it is
/// brought up. All others are up.
struct Maintenance: Sendable {
  enum Mode {
    case up, draining, down
  }

  private(set) var schedule = MesosMaintenanceSchedule()
  private(set) var unavailabilities: [Machine: MesosUnavailability] = [:]
  private(set) var down: Set<Machine> = []

  init() {}

  /// What an earlier master left.
  init(schedule: MesosMaintenanceSchedule, down: [MesosMachineID]) {
    self.down = Set(down.map(Machine.init))
    setSchedule(schedule)
  }

  var isEmpty: Bool { unavailabilities.isEmpty }

  func mode(of machine: Machine) -> Mode {
    unavailabilities[machine] == nil ? .up : down.contains(machine) ? .down : .draining
  }

  /// Scheduled machines, in the order of the schedule.
  var machines: [MesosMachineID] { schedule.windows.flatMap(\.machineIds) }

  /// What makes agents unavailable elsewhere or at another time than `other` does.
  func machinesChanged(from other: Maintenance) -> Set<Machine> {
    Set(unavailabilities.keys).union(other.unavailabilities.keys).filter {
      unavailabilities[$0] != other.unavailabilities[$0]
    }
  }

  // MARK: Changes

  /// Takes the place of the schedule that there was.
  mutating func setSchedule(_ schedule: MesosMaintenanceSchedule) {
    self.schedule = schedule
    unavailabilities = [:]
    for window in schedule.windows {
      for id in window.machineIds { unavailabilities[Machine(id)] = window.unavailability }
    }
    down = down.filter { unavailabilities[$0] != nil }
  }

  mutating func takeDown(_ machines: [MesosMachineID]) {
    down.formUnion(machines.map(Machine.init))
  }

  /// Brought up, a machine leaves the schedule, too.
  mutating func bringUp(_ machines: [MesosMachineID]) {
    let machines = Set(machines.map(Machine.init))
    var next = schedule
    for index in next.windows.indices {
      next.windows[index].machineIds.removeAll { machines.contains(Machine($0)) }
    }
    next.windows.removeAll { $0.machineIds.isEmpty }
    setSchedule(next)
  }

  // MARK: Registry

  enum Record {
    static let schedule = "schedule"
    static let status = "status"
  }

  var changes: [RegistryChange] {
    if isEmpty { return [.delete(.maintenance, Record.schedule), .delete(.maintenance, Record.status)] }
    let status = MesosMaintenanceClusterStatus.with { status in
      status.downMachines = machines.filter { down.contains(Machine($0)) }
    }
    return [.put(.maintenance, Record.schedule, schedule), .put(.maintenance, Record.status, status)]
  }
}
