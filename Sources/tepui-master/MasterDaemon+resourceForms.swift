import MasterCore
import Transport
import Wire

/// The older endpoints for reservations and volumes: forms with `slaveId` and a JSON array (protocol fact 118).
extension MasterDaemon {
  func resourceRoutes(_ router: Router) {
    router.post("/reserve") { [self] in
      operate($0, $1, "resources") { call, agent, resources, source in
        call.type = .reserveResources
        call.reserveResources.agentID.value = agent
        call.reserveResources.resources = resources
        call.reserveResources.source = source
      }
    }
    router.post("/unreserve") { [self] in
      operate($0, $1, "resources") { call, agent, resources, _ in
        call.type = .unreserveResources
        call.unreserveResources.agentID.value = agent
        call.unreserveResources.resources = resources
      }
    }
    router.post("/create-volumes") { [self] in
      operate($0, $1, "volumes") { call, agent, volumes, _ in
        call.type = .createVolumes
        call.createVolumes.agentID.value = agent
        call.createVolumes.volumes = volumes
      }
    }
    router.post("/destroy-volumes") { [self] in
      operate($0, $1, "volumes") { call, agent, volumes, _ in
        call.type = .destroyVolumes
        call.destroyVolumes.agentID.value = agent
        call.destroyVolumes.volumes = volumes
      }
    }
  }

  private typealias Fill = (inout MesosMasterCall, String, [MesosResource], [MesosResource]) -> Void

  private func operate(_ request: Request, _ responder: Responder, _ field: String, _ fill: Fill) {
    do throws(WireRefusal) {
      let fields = try Self.fields(request)
      guard let agent = fields["slaveId"] else {
        throw WireRefusal(400, "Missing 'slaveId' query parameter in the request body")
      }
      guard let text = fields[field] else {
        throw WireRefusal(400, "Missing '\(field)' query parameter in the request body")
      }
      // Mesos has these words without "in" for this path alone.
      let parsing = request.path.hasPrefix("/reserve") ? "Error parsing" : "Error in parsing"
      let resources = try Self.resources(text, in: field, parsing)
      let source =
        try fields["source"].map { text throws(WireRefusal) in try Self.resources(text, in: "source", parsing) } ?? []
      change(responder) { fill(&$0, agent, resources, source) }
    } catch {
      responder.respond(.error(HTTPStatus.of(error.status), error.text))
    }
  }

  static func fields(_ request: Request) throws(WireRefusal) -> [String: String] {
    guard let fields = request.formFields else {
      throw WireRefusal(400, "Unable to decode query string: Malformed % escape")
    }
    return fields
  }

  private static func resources(
    _ text: String, in field: String, _ parsing: String
  ) throws(WireRefusal) -> [MesosResource] {
    do {
      return try WireFormat.decodeList("resources", of: MesosOffer.Operation.Unreserve.self, from: [UInt8](text.utf8))
        .resources
    } catch {
      throw WireRefusal(400, "\(parsing) '\(field)' query parameter in the request body: \(error.bareText)")
    }
  }
}
