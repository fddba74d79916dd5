import NIOCore
import NIOHTTP1
import Testing
import Transport

extension ClusterTests {
  /// What the master answers to calls that it cannot take. The statuses and texts are those that Apache Mesos gave to
  /// the same requests.
  @MainActor @Suite struct BadCalls {
    struct Case {
      let name: String
      var method = HTTPMethod.POST
      var headers: HTTPHeaders = ["Content-Type": "application/json", "Accept": "application/json"]
      var body: [UInt8] = []
      let status: UInt
      let text: String

      init(
        _ name: String, _ method: HTTPMethod = .POST, type: String? = "application/json",
        accept: String? = "application/json", stream: String? = nil, body: String = "", _ status: UInt, _ text: String
      ) {
        self.name = name
        self.method = method
        headers = [:]
        if let type { headers.add(name: "Content-Type", value: type) }
        if let accept { headers.add(name: "Accept", value: accept) }
        if let stream { headers.add(name: "Mesos-Stream-Id", value: stream) }
        self.body = Array(body.utf8)
        self.status = status
        self.text = text
      }
    }

    static let info = #"{"user": "root", "name": "x", "roles": ["a"], "capabilities": [{"type": "MULTI_ROLE"}]}"#
    static let subscribe = #"{"type": "SUBSCRIBE", "subscribe": {"framework_info": \#(info)}}"#

    static func subscribe(callID: String, infoID: String? = nil) -> String {
      let id = infoID.map { #", "id": {"value": "\#($0)"}}"# } ?? "}"
      return #"{"type": "SUBSCRIBE", "framework_id": {"value": "\#(callID)"}, "subscribe": {"framework_info": "#
        + info.dropLast() + id + "}}"
    }

    static func unknown(_ type: String, _ rest: String = "") -> String {
      #"{"type": "\#(type)", "framework_id": {"value": "unknown-framework"}\#(rest)}"#
    }

    static let toJSON = "Failed to parse body into JSON: "
    static let toCall = "Failed to convert JSON into Call protobuf: "
    static let validate = "Failed to validate scheduler::Call: "
    static let wrongType = "Expecting 'Content-Type' of application/json or application/x-protobuf"
    static let differs = "'framework_id' differs from 'subscribe.framework_info.id'"

    static func wrongMethod(_ name: String) -> String {
      "405 Method Not Allowed. Expecting one of { 'POST' }, but received '\(name)'."
    }

    static let requests: [Case] =
      [
        Case("GET", .GET, type: nil, 405, wrongMethod("GET")),
        Case("PUT", .PUT, body: subscribe, 405, wrongMethod("PUT")),
        Case("DELETE", .DELETE, 405, wrongMethod("DELETE")),
        Case("no content type", type: nil, body: subscribe, 400, "Expecting 'Content-Type' to be present"),
        Case("text/plain", type: "text/plain", body: subscribe, 415, wrongType),
        Case("charset", type: "application/json; charset=utf-8", body: "{bad", 415, wrongType),
        Case(
          "Accept", accept: "text/html", body: subscribe, 406,
          "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'"),
        Case("no JSON", body: "{bad json", 400, toJSON + "syntax error at line 1 near: bad json"),
        Case("empty", body: "", 400, toJSON + "syntax error at line 1 near: "),
        Case("array", body: "[]", 400, toCall + "Expecting a JSON object"),
        Case("string", body: #""x""#, 400, toCall + "Expecting a JSON object"),
        Case("empty object", body: "{}", 400, validate + "Expecting 'type' to be present"),
        Case("unknown type", body: #"{"type": "NOPE"}"#, 400, validate + "Expecting 'type' to be present"),
        Case("UNKNOWN", body: #"{"type": "UNKNOWN"}"#, 400, validate + "Expecting 'framework_id' to be present"),
        Case("type by number", body: #"{"type": 1}"#, 400, toCall + "Not expecting a JSON number for field 'type'"),
        Case(
          "subscribe as text", body: #"{"type": "SUBSCRIBE", "subscribe": "x"}"#, 400,
          toCall + "Not expecting a JSON string for field 'subscribe'"),
        Case("no subscribe", body: #"{"type": "SUBSCRIBE"}"#, 400, validate + "Expecting 'subscribe' to be present"),
        Case(
          "no user", body: #"{"type": "SUBSCRIBE", "subscribe": {"framework_info": {"name": "x"}}}"#, 400,
          toCall + "Missing required fields: subscribe.framework_info.user"),
        Case(
          "no framework_info", body: #"{"type": "SUBSCRIBE", "subscribe": {}}"#, 400,
          toCall + "Missing required fields: subscribe.framework_info"),
        Case(
          "subscribe with a stream id", stream: "abc", body: subscribe, 400,
          "Subscribe calls should not include the 'Mesos-Stream-Id' header"),
        Case("two ids", body: subscribe(callID: "a", infoID: "b"), 400, validate + differs),
        Case("id of the call alone", body: subscribe(callID: "a"), 400, validate + differs),
        Case(
          "teardown of nobody", stream: "abc", body: #"{"type": "TEARDOWN"}"#, 400,
          validate + "Expecting 'framework_id' to be present"),
        Case(
          "unknown framework", stream: "abc",
          body: unknown("DECLINE", #", "decline": {"offer_ids": [{"value": "x"}]}"#), 400,
          "Framework cannot be found"),
        Case(
          "unknown framework without a stream id",
          body: unknown("DECLINE", #", "decline": {"offer_ids": [{"value": "x"}]}"#),
          400, "Framework cannot be found"),
        Case(
          "protobuf garbage", type: "application/x-protobuf", body: "\u{1}\u{2}\u{3}", 400,
          "Failed to parse body into Call protobuf"),
        Case(
          "empty protobuf", type: "application/x-protobuf", 400, validate + "Expecting 'type' to be present"),
      ]
      + ["REVIVE", "SUPPRESS", "TEARDOWN"].map {
        Case("\($0) of an unknown framework", stream: "abc", body: unknown($0), 400, "Framework cannot be found")
      }
      + ["ACCEPT", "DECLINE", "ACKNOWLEDGE", "KILL", "RECONCILE", "MESSAGE", "REQUEST", "SHUTDOWN"].map {
        Case(
          "\($0) without its body", stream: "abc", body: unknown($0), 400,
          validate + "Expecting '\($0.lowercased())' to be present")
      }

    @Test func schedulerIsToldWhatIsWrongWithItsCall() async throws {
      try await Cluster.run(agents: []) { cluster in
        for test in Self.requests {
          for path in ["/api/v1/scheduler", "/master/api/v1/scheduler/"] {
            let request = ClientRequest(
              test.method, cluster.master.endpoint, path, headers: test.headers, body: test.body)
            let response = try await cluster.http.send(request)
            #expect(response.status.code == test.status, "\(test.name)")
            #expect(String(buffer: response.body) == test.text, "\(test.name)")
            #expect(response.headers.first(name: "Content-Type") == "text/plain; charset=utf-8", "\(test.name)")
          }
        }
      }
    }

    @Test func executorIsToldWhatIsWrongWithItsCall() async throws {
      let call = #"{"framework_id": {"value": "f"}, "executor_id": {"value": "e"}, "type": "#
      let cases = [
        Case("GET", .GET, type: nil, 405, Self.wrongMethod("GET")),
        Case("no JSON", body: "{x", 400, Self.toJSON + "syntax error at line 1 near: x"),
        Case("text/plain", type: "text/plain", body: "x", 415, Self.wrongType),
        Case(
          "no subscribe", body: call + #""SUBSCRIBE"}"#, 400,
          "Failed to validate Executor::Call: Expecting 'subscribe' to be present"),
        Case(
          "no message", body: call + #""MESSAGE"}"#, 400,
          "Failed to validate Executor::Call: Expecting 'message' to be present"),
        Case("unknown framework", body: call + #""SUBSCRIBE", "subscribe": {}}"#, 400, "Framework cannot be found"),
      ]
      try await Cluster.run { cluster in
        for test in cases {
          for path in ["/api/v1/executor", "/slave(1)/api/v1/executor"] {
            let request = ClientRequest(test.method, cluster.agent, path, headers: test.headers, body: test.body)
            let response = try await cluster.http.send(request)
            #expect(response.status.code == test.status, "\(test.name)")
            #expect(String(buffer: response.body) == test.text, "\(test.name)")
          }
        }
      }
    }

    @Test func unknownPathIsNotFound() async throws {
      try await Cluster.run { cluster in
        for endpoint in [cluster.master.endpoint, cluster.agent] {
          for path in ["/nope", "/master/nope", "/redirect/x"] {
            let response = try await cluster.get(endpoint, path)
            #expect(response.status == .notFound, "\(path)")
            #expect(String(buffer: response.body) == "404 Not Found.", "\(path)")
          }
        }
      }
    }

    @Test func hostileBytesLeaveTheDaemonsAlive() async throws {
      try await Cluster.run { cluster in
        let bodies = [
          [UInt8](repeating: UInt8(ascii: "["), count: 1 << 20),
          Array(String(repeating: #"{"a":"#, count: 50_000).utf8),
          [UInt8](repeating: 0xff, count: 1 << 20), (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 31) },
        ]
        for (endpoint, path) in [
          (cluster.master.endpoint, "/api/v1/scheduler"), (cluster.master.endpoint, "/api/tepui/v1/agent"),
          (cluster.agent, "/api/v1/executor"),
        ] {
          for body in bodies {
            for type in ["application/json", "application/x-protobuf"] {
              let request = ClientRequest(.POST, endpoint, path, headers: ["Content-Type": type], body: body)
              let response = try await cluster.http.send(request, timeout: .seconds(60))
              #expect(response.status == .badRequest, "\(path)")
            }
          }
          let health = try await cluster.get(endpoint, "/health")
          #expect(health.status == .ok)
        }
      }
    }
  }
}
