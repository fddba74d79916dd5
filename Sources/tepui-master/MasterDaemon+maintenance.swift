import MasterCore
import Transport
import Wire

/// The older endpoints of maintenance: docs/maintenance.md of Mesos.
extension MasterDaemon {
  func maintenanceRoutes(_ router: Router) {
    router.on("/maintenance/schedule") { [self] in schedule($0, $1) }
    router.get("/maintenance/status") { [self] in
      answer($0, $1) { $2.value(json: WireFormat.json.encode($0.maintenanceStatus)) }
    }
    router.post("/machine/down") { [self] in
      change($0, $1) {
        $0.type = .startMaintenance
        $0.startMaintenance.machines = $1
      }
    }
    router.post("/machine/up") { [self] in
      change($0, $1) {
        $0.type = .stopMaintenance
        $0.stopMaintenance.machines = $1
      }
    }
  }

  /// GET and POST of a whole schedule.
  private func schedule(_ request: Request, _ responder: Responder) {
    switch request.method {
    case .GET, .HEAD:
      answer(request, responder) { $2.value(json: WireFormat.json.encode($0.maintenanceSchedule)) }
    case .POST:
      do throws(WireRefusal) {
        let schedule = try WireFormat.json.decode(MesosMaintenanceSchedule.self, from: request.bodyBytes)
        change(responder) {
          $0.type = .updateMaintenanceSchedule
          $0.updateMaintenanceSchedule.schedule = schedule
        }
      } catch {
        responder.respond(.error(HTTPStatus.of(error.status), error.bareText))
      }
    default: responder.respond(.methodNotAllowed(request.method, allowed: [.GET, .POST]))
    }
  }

  /// A JSON array of machines.
  private func change(
    _ request: Request, _ responder: Responder, _ fill: (inout MesosMasterCall, [MesosMachineID]) -> Void
  ) {
    do throws(WireRefusal) {
      let machines = try WireFormat.decodeList(
        "machines", of: MesosMasterCall.StartMaintenance.self, from: request.bodyBytes
      ).machines
      change(responder) { fill(&$0, machines) }
    } catch {
      responder.respond(.error(HTTPStatus.of(error.status), error.bareText))
    }
  }
}
