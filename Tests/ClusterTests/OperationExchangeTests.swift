import Foundation
import Resources
import Testing
import Transport
import Wire

extension ClusterTests {
  /// Requests that were recorded of a real Mesos (exchanges 127 to 141), as JSON, and what it answered.
  @MainActor @Suite struct OperationExchanges {
    private let total = "cpus:8;mem:8192;disk:10000"
    private let cpus =
      #"{"name": "cpus", "type": "SCALAR", "scalar": {"value": %}, "reservations": [{"type": "DYNAMIC", "role": "roleA"}], "allocation_info": {"role": "roleA"}}"#
    private let disk =
      #"{"name": "disk", "type": "SCALAR", "scalar": {"value": 10.0}, "reservations": [{"type": "DYNAMIC", "role": "roleA"}], "allocation_info": {"role": "roleA"}%}"#
    private let volume =
      #", "disk": {"persistence": {"id": "vol1"}, "volume": {"mode": "RW", "container_path": "data"}}"#

    private func with(_ text: String, _ value: String) -> String {
      text.replacingOccurrences(of: "%", with: value)
    }

    /// Accepts an offer with operations as they were sent, and gives the resources of the next one.
    private func accept(_ operations: String, _ framework: TestFramework) async throws -> [String] {
      let offer = try await framework.offer(cpus: 8)
      framework.forgetOffers()
      try await framework.post(
        #"{"type": "ACCEPT", "framework_id": {"value": "\#(framework.id)"}, "accept": {"offer_ids": [{"value": "\#(offer.id.value)"}], "operations": [\#(operations)], "filters": {"refuse_seconds": 0.0}}}"#
      )
      return try Resources(wire: try await framework.offer(cpus: 8).resources).map(\.description)
    }

    private func text(_ amounts: String...) -> Set<String> {
      Set(amounts + ["ports(allocated: roleA):[31000-32000]", "mem(allocated: roleA):8192"])
    }

    @Test func reservationsAndVolumes() async throws {
      try await Cluster.run(agents: [total]) { cluster in
        let framework = TestFramework(cluster, role: "roleA")
        try await framework.subscribe()
        let reserved = "(allocated: roleA)(reservations: [(DYNAMIC,roleA)])"
        let one = with(cpus, "1.0")

        // 127, 128
        var offered = try await accept(
          #"{"type": "RESERVE", "id": {"value": "op1"}, "reserve": {"resources": [\#(one)]}}"#, framework)
        #expect(Set(offered) == text("cpus\(reserved):1", "cpus(allocated: roleA):7", "disk(allocated: roleA):10000"))
        try await framework.wait("op1") { $0.operations["op1"]?.state == .operationFinished }
        #expect(framework.operations["op1"]?.hasAgentID == true && framework.operations["op1"]?.hasMessage == false)
        offered = try await accept(#"{"type": "RESERVE", "reserve": {"resources": [\#(one)]}}"#, framework)
        #expect(Set(offered) == text("cpus\(reserved):2", "cpus(allocated: roleA):6", "disk(allocated: roleA):10000"))

        // 131, 134
        let plain = with(disk, "")
        let made = with(disk, volume)
        offered = try await accept(
          #"{"type": "RESERVE", "reserve": {"resources": [\#(plain)]}}, {"type": "CREATE", "create": {"volumes": [\#(made)]}}"#,
          framework)
        #expect(
          Set(offered)
            == text(
              "cpus\(reserved):2", "disk\(reserved)[vol1:data]:10", "cpus(allocated: roleA):6",
              "disk(allocated: roleA):9990"))
        offered = try await accept(
          #"{"type": "DESTROY", "destroy": {"volumes": [\#(made)]}}, {"type": "UNRESERVE", "unreserve": {"resources": [\#(plain)]}}"#,
          framework)
        #expect(Set(offered) == text("cpus\(reserved):2", "cpus(allocated: roleA):6", "disk(allocated: roleA):10000"))

        // 135, 136, 137
        offered = try await accept(#"{"type": "UNRESERVE", "unreserve": {"resources": [\#(one)]}}"#, framework)
        let rest = text("cpus\(reserved):1", "cpus(allocated: roleA):7", "disk(allocated: roleA):10000")
        #expect(Set(offered) == rest)
        let many = with(cpus, "99.0")
        for wrong in [
          #"{"type": "UNRESERVE", "unreserve": {"resources": [\#(many)]}}"#,
          #"{"type": "RESERVE", "reserve": {"resources": [\#(one.replacingOccurrences(of: #""DYNAMIC", "role": "roleA""#, with: #""DYNAMIC", "role": "roleB""#))]}}"#,
        ] {
          #expect(Set(try await accept(wrong, framework)) == rest)
        }

        // 138
        _ = try await accept(
          #"{"type": "UNRESERVE", "id": {"value": "opX"}, "unreserve": {"resources": [\#(many)]}}"#, framework)
        let refusal = try #require(framework.operations["opX"])
        #expect(refusal.state == .operationError && !refusal.hasUuid && !refusal.hasAgentID)
        #expect(refusal.message.hasSuffix(" does not contain cpus\(reserved):99"))
        for part in rest { #expect(refusal.message.contains(part)) }

        // 140, 141
        let agent = try #require(framework.operations["op1"]).agentID.value
        try await framework.post(
          #"{"type": "RECONCILE_OPERATIONS", "framework_id": {"value": "\#(framework.id)"}, "reconcile_operations": {"operations": [{"operation_id": {"value": "zz"}, "agent_id": {"value": "\#(agent)"}}]}}"#
        )
        try await framework.wait("an answer") { $0.operations["zz"] != nil }
        #expect(framework.operations["zz"]?.state == .operationUnknown)
        #expect(framework.operations["zz"]?.message == "Reconciliation: Operation is unknown")
        try await framework.post(
          #"{"type": "ACKNOWLEDGE_OPERATION_STATUS", "framework_id": {"value": "\#(framework.id)"}, "acknowledge_operation_status": {"agent_id": {"value": "\#(agent)"}, "uuid": "3aQX9E7MTlq3SRbTbRZmAw==", "operation_id": {"value": "zz"}}}"#
        )
        try await framework.send(.teardown)
      }
    }

    /// What is looked at of /slaves.
    private struct Shown: Decodable {
      struct Slave: Decodable {
        var reservedResourcesFull: [String: [MesosResourceView]]

        enum CodingKeys: String, CodingKey {
          case reservedResourcesFull = "reserved_resources_full"
        }
      }
      var slaves: [Slave]
    }

    private struct MesosResourceView: Decodable {
      struct Reservation: Decodable {
        var type: String?
        var role: String?
      }
      struct Disk: Decodable {
        struct Persistence: Decodable {
          var id: String
        }
        struct Volume: Decodable {
          var containerPath: String

          enum CodingKeys: String, CodingKey {
            case containerPath = "container_path"
          }
        }
        var persistence: Persistence?
        var volume: Volume?
      }
      var role: String
      var reservation: Reservation?
      var reservations: [Reservation]?
      var disk: Disk?
    }

    @Test func operatorsUseForms() async throws {
      try await Cluster.run(agents: [total]) { cluster in
        let slaves = try await cluster.get(cluster.master.endpoint, "/slaves")
        let id = try #require(String(buffer: slaves.body).firstMatch(of: /"id":"([^"]+)"/)).output.1
        let plain = #"[{"name":"disk","type":"SCALAR","scalar":{"value":10},"role":"roleA","reservation":{}}]"#
        let made =
          #"[{"name":"disk","type":"SCALAR","scalar":{"value":10},"role":"roleA","reservation":{},"disk":{"persistence":{"id":"v"},"volume":{"container_path":"data","mode":"RW"}}}]"#
        func post(_ path: String, _ body: String) async throws -> (status: Int, text: String) {
          let response = try await cluster.http.send(
            ClientRequest(.POST, cluster.master.endpoint, path, body: [UInt8](body.utf8)), timeout: .seconds(30))
          return (Int(response.status.code), String(buffer: response.body))
        }
        let path = "\(cluster.directory)/agent0/volumes/roles/roleA/v"
        #expect(try await post("/reserve", "slaveId=\(id)&resources=\(plain)") == (202, ""))
        #expect(try await post("/create-volumes", "slaveId=\(id)&volumes=\(made)") == (202, ""))
        try await eventually("the volume is there") { FileManager.default.fileExists(atPath: path) }
        let shown = try JSONDecoder().decode(
          Shown.self, from: Data(try await cluster.get(cluster.master.endpoint, "/slaves").bodyBytes))
        let volume = try #require(shown.slaves.first?.reservedResourcesFull["roleA"]?.first)
        // Protocol fact 141: in both formats.
        #expect(volume.role == "roleA" && volume.reservation != nil)
        #expect(volume.reservations?.first?.role == "roleA" && volume.reservations?.first?.type == "DYNAMIC")
        #expect(volume.disk?.persistence?.id == "v" && volume.disk?.volume?.containerPath == "data")

        let conflict = try await post("/reserve", "slaveId=\(id)&resources=\(plain.replacing("10", with: "99999"))")
        #expect(conflict.status == 409 && conflict.text.contains("does not contain disk:99999"))
        let direct = try await post("/unreserve", "slaveId=\(id)&resources=\(made)")
        #expect(direct.status == 400 && direct.text.contains("Please destroy the persistent volume first"))
        #expect(
          try await post("/reserve", "resources=\(plain)")
            == (400, "Missing 'slaveId' query parameter in the request body"))
        #expect(
          try await post("/destroy-volumes", "slaveId=\(id)")
            == (400, "Missing 'volumes' query parameter in the request body"))
        #expect(
          try await post("/reserve", "slaveId=nobody&resources=\(plain)") == (400, "No agent found with specified ID"))
        let broken = try await post("/reserve", "slaveId=\(id)&resources=[{")
        #expect(broken.status == 400 && broken.text.hasPrefix("Error parsing 'resources' query parameter"))
        #expect(
          try await post("/unreserve", "slaveId=\(id)&resources={}")
            == (400, "Error in parsing 'resources' query parameter in the request body: Unexpected JSON type parsed"))
        #expect(
          try await post("/unreserve", "slaveId=%zz") == (400, "Unable to decode query string: Malformed % escape"))

        #expect(try await post("/destroy-volumes", "slaveId=\(id)&volumes=\(made)") == (202, ""))
        #expect(try await post("/unreserve", "slaveId=\(id)&resources=\(plain)") == (202, ""))
        try await eventually("the volume is gone") { !FileManager.default.fileExists(atPath: path) }
      }
    }
  }
}
