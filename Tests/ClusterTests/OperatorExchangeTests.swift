import Foundation
import Testing
import Transport

extension ClusterTests {
  /// Requests that were recorded of a real Mesos (exchanges 200 to 221), as JSON, and what it answered.
  @MainActor @Suite struct OperatorExchanges {
    private struct Exchange {
      let request: String
      let status: Int
      let answer: String

      init(_ request: String, _ status: Int, _ answer: String) {
        self.request = request
        self.status = status
        self.answer = answer
      }
    }

    private static func quota(_ configs: String) -> String {
      #"{"type": "UPDATE_QUOTA", "update_quota": {"force": false, "quota_configs": [\#(configs)]}}"#
    }

    private static func weights(_ infos: String) -> String {
      #"{"type": "UPDATE_WEIGHTS", "update_weights": {"weight_infos": [\#(infos)]}}"#
    }

    /// In this order: they build on each other.
    private static let exchanges = [
      Exchange(#"{"type": "GET_WEIGHTS"}"#, 200, #"{"type":"GET_WEIGHTS"}"#),
      Exchange(#"{"type": "GET_QUOTA"}"#, 200, #"{"type":"GET_QUOTA","get_quota":{"status":{}}}"#),
      Exchange(#"{"type": "NOPE"}"#, 400, "Failed to validate master::Call: Expecting 'type' to be present"),
      Exchange(weights(#"{"role": "roleA", "weight": 2.0}"#), 200, ""),
      Exchange(
        weights(#"{"role": "roleA", "weight": -2.0}"#), 400,
        "Failed to validate update weights request JSON for role 'roleA': Invalid weight '-2': Weights must be positive"
      ),
      Exchange(
        quota(
          #"{"role": "roleQ", "guarantees": {"cpus": {"value": 1.0}, "mem": {"value": 64.0}}, "limits": {"cpus": {"value": 2.0}, "mem": {"value": 128.0}}}"#
        ), 200, ""),
      Exchange(
        quota(#"{"role": "roleQ2", "guarantees": {"cpus": {"value": 1000000000.0}}}"#), 400,
        "Invalid QuotaConfig: total quota guarantees 'cpus:1000000001; mem:64' exceed cluster capacity 'cpus:8; disk:10000; mem:8192' (use 'force' flag to bypass this check)"
      ),
      Exchange(
        quota(
          #"{"role": "roleQ2", "guarantees": {"cpus": {"value": 4.0}}, "limits": {"cpus": {"value": 2.0}}}"#), 400,
        "Invalid QuotaConfig: 'QuotaConfig.guarantees' { cpus: 4 } is not contained within the 'QuotaConfig.limits' { cpus: 2 }"
      ),
      Exchange(
        #"{"type": "GET_QUOTA"}"#, 200,
        #"{"type":"GET_QUOTA","get_quota":{"status":{"infos":[{"role":"roleQ","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":1.0}},{"name":"mem","type":"SCALAR","scalar":{"value":64.0}}]}],"configs":[{"role":"roleQ","guarantees":{"mem":{"value":64.0},"cpus":{"value":1.0}},"limits":{"mem":{"value":128.0},"cpus":{"value":2.0}}}]}}}"#
      ),
      Exchange(quota(#"{"role": "roleQ"}"#), 200, ""),
      Exchange(#"{"type": "GET_QUOTA"}"#, 200, #"{"type":"GET_QUOTA","get_quota":{"status":{}}}"#),
      Exchange(
        #"{"type": "TEARDOWN", "teardown": {"framework_id": {"value": "nope"}}}"#, 400,
        "No framework found with specified ID"),
      Exchange(
        #"{"type": "MARK_AGENT_GONE", "mark_agent_gone": {"agent_id": {"value": "nope"}}}"#, 404,
        "Agent 'nope' not found"),
      Exchange("{", 400, "Failed to parse body into JSON: syntax error at line 1 near: "),
      Exchange(#"{"type": "TEARDOWN"}"#, 400, "Failed to validate master::Call: Expecting 'teardown' to be present"),
      Exchange(
        #"{"type": "DRAIN_AGENT", "drain_agent": {"agent_id": {"value": "nope"}, "max_grace_period": {"seconds": 1}}}"#,
        400, "Unknown agent"),
    ]

    @Test func answersAreThoseOfMesos() async throws {
      try await Cluster.run(agents: ["cpus:8;mem:8192;disk:10000"]) { cluster in
        for exchange in Self.exchanges {
          let answer = try await cluster.post("/api/v1", exchange.request)
          #expect(answer.status == exchange.status, "\(exchange.request)")
          if exchange.status == 200, !exchange.answer.isEmpty {
            // The order of a map's keys is chance.
            #expect(try Self.object(answer.text) == Self.object(exchange.answer), "\(exchange.request)")
          } else {
            #expect(answer.text == exchange.answer, "\(exchange.request)")
          }
        }
      }
    }

    private static func object(_ json: String) throws -> NSDictionary {
      try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? NSDictionary)
    }

    /// Exchanges 218 and 221, and protocol fact 122.
    @Test func headersAndOddBodiesAreRefusedAsByMesos() async throws {
      try await Cluster.run(agents: []) { cluster in
        @MainActor func send(_ type: String, _ accept: String, _ body: String) async throws -> (Int, String) {
          let request = ClientRequest(
            .POST, cluster.master.endpoint, "/api/v1", headers: ["Content-Type": type, "Accept": accept],
            body: [UInt8](body.utf8))
          let response = try await cluster.http.send(request)
          return (Int(response.status.code), String(buffer: response.body))
        }
        let json = "application/json"
        #expect(
          try await send("text/plain", json, "x")
            == (415, "Expecting 'Content-Type' of application/json or application/x-protobuf"))
        #expect(
          try await send(json, "text/html", #"{"type": "GET_HEALTH"}"#)
            == (406, "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'"))
        let text = try await send(
          json, json,
          #"{"type": "DRAIN_AGENT", "drain_agent": {"agent_id": {"value": "x"}, "max_grace_period": "10mins"}}"#)
        #expect(text.0 == 400 && text.1.contains("Not expecting a JSON string for field"))
        let method = try await cluster.get(cluster.master.endpoint, "/api/v1")
        #expect(method.status.code == 405)
      }
    }

    @Test func olderEndpointsOfQuotaAndWeightsMeanTheSame() async throws {
      try await Cluster.run(agents: ["cpus:8;mem:8192;disk:10000"]) { cluster in
        let cpus = #"{"name": "cpus", "type": "SCALAR", "scalar": {"value": 2}}"#
        #expect(try await cluster.post("/quota", #"{"role": "a", "guarantee": [\#(cpus)]}"#).status == 200)
        let again = try await cluster.post("/quota", #"{"role": "a", "guarantee": [\#(cpus)]}"#)
        #expect(again.status == 400 && again.text.contains("already has quota"))
        let much = cpus.replacingOccurrences(of: "2", with: "99")
        #expect(try await cluster.post("/quota", #"{"role": "b", "guarantee": [\#(much)]}"#).status == 409)
        #expect(
          try await cluster.post("/quota", #"{"role": "b", "force": true, "guarantee": [\#(much)]}"#).status == 200)
        let shown = String(buffer: try await cluster.get(cluster.master.endpoint, "/quota").body)
        #expect(shown.contains(#""role":"a""#) && shown.contains(#""role":"b""#))
        for (path, status) in [("/quota/a", 200), ("/quota/a", 400), ("/quota/", 400)] {
          let request = ClientRequest(.DELETE, cluster.master.endpoint, path)
          #expect(try await cluster.http.send(request).status.code == status, "\(path)")
        }
        for (body, status) in [
          (#"[{"role": "a", "weight": 3}]"#, 200), (#"[{"role": "a", "weight": 0}]"#, 400), ("{}", 400), ("[", 400),
        ] {
          let request = ClientRequest(
            .PUT, cluster.master.endpoint, "/weights", headers: ["Content-Type": "application/json"],
            body: [UInt8](body.utf8))
          #expect(try await cluster.http.send(request).status.code == status, "\(body)")
        }
        let weights = String(buffer: try await cluster.get(cluster.master.endpoint, "/weights").body)
        #expect(weights == #"[{"weight":3.0,"role":"a"}]"#)
      }
    }
  }
}
