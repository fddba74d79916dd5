import MasterCore
import Wire

extension MesosMachineID {
  init(_ hostname: String?, _ ip: String?) {
    self.init()
    if let hostname { self.hostname = hostname }
    if let ip { self.ip = ip }
  }
}

extension TestAgent {
  var machine: MesosMachineID {
    MesosMachineID(info.hostname, address.split(separator: ":").first.map(String.init))
  }
}

extension TestCluster {
  /// Sets the whole schedule: one window for each list of machines, starting after as many seconds as it has
  /// predecessors.
  @discardableResult
  func schedule(_ windows: [MesosMachineID]..., start: Int64 = 5000) -> Answer? {
    call(.updateMaintenanceSchedule) {
      $0.updateMaintenanceSchedule.schedule.windows = windows.enumerated().map { index, machines in
        .with {
          $0.machineIds = machines
          $0.unavailability.start.nanoseconds = (start + Int64(index)) * 1_000_000_000
        }
      }
    }
  }

  @discardableResult
  func down(_ machines: MesosMachineID...) -> Answer? {
    call(.startMaintenance) { $0.startMaintenance.machines = machines }
  }

  @discardableResult
  func up(_ machines: MesosMachineID...) -> Answer? {
    call(.stopMaintenance) { $0.stopMaintenance.machines = machines }
  }

  var status: MesosMaintenanceClusterStatus { core.snapshot().maintenanceStatus }
}

extension TestCluster.Answer {
  static let ok = TestCluster.Answer(status: 200, text: "")

  static func refused(_ text: String) -> TestCluster.Answer { TestCluster.Answer(status: 400, text: text) }
}
