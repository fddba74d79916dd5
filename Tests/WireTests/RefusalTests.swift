import Testing
import Wire

/// What is said of a body that is no message. The texts are those that Apache Mesos gave for the same bodies.
@Suite struct RefusalTests {
  private func refusal(of body: String, _ format: WireFormat = .json) -> String? {
    do throws(WireRefusal) {
      _ = try format.decode(SchedulerCall.self, from: Array(body.utf8))
      return nil
    } catch {
      #expect(error.status == 400)
      return error.text
    }
  }

  @Test(arguments: [
    ("{bad json", "syntax error at line 1 near: bad json"),
    ("", "syntax error at line 1 near: "),
    ("{", "syntax error at line 1 near: "),
    ("{x", "syntax error at line 1 near: x"),
    ("{\"a\": 1,\n \"b\": ]\n}", "syntax error at line 2 near: ]"),
    (#"{"type": "KILL", "text": "\u00e4ö\"", "kill": {"task": "a b", "x" 1}}"#, "syntax error at line 1 near: 1}}"),
    (#"{"a": [true, null, -1.5e3, fals]}"#, "syntax error at line 1 near: ]}"),
    (#"{"a": true]"#, "syntax error at line 1 near: ]"),
    (#"{"a": false]"#, "syntax error at line 1 near: ]"),
    (#"{"a": {"value": "b"}, "c": {"value": 1e400}}"#, "syntax error at line 1 near: 0}}"),
  ])
  func bodyThatIsNoJSONIsShownWhereItBreaks(body: String, problem: String) {
    #expect(refusal(of: body) == "Failed to parse body into JSON: " + problem)
  }

  @Test(arguments: [
    ("[]", "Expecting a JSON object"),
    ("\"x\"", "Expecting a JSON object"),
    (#"{"type": 1}"#, "Not expecting a JSON number for field 'type'"),
    (#"{"type" : -1}"#, "Not expecting a JSON number for field 'type'"),
    (
      #"{"kill": {"task_id": {"value": "t"}, "kill_policy": {"grace_period": {"nanoseconds": 0.5}}}}"#,
      "Not expecting the number 0.5 for field 'nanoseconds'"
    ),
    (ports(#"{"begin": 1, "end": 2}, {"begin": -1, "end": 5}"#), "Not expecting the number -1 for field 'begin'"),
    (
      ports(#"{"begin": 1, "end": 18446744073709551616}"#),
      "Not expecting the number 1.8446744073709552e+19 for field 'end'"
    ),
    (#"{"type": "SUBSCRIBE", "subscribe": "x"}"#, "Not expecting a JSON string for field 'subscribe'"),
    (#"{"type": "SUBSCRIBE", "subscribe": []}"#, "Not expecting a JSON array for field 'subscribe'"),
    (#"{"framework_id": {"value": {}}}"#, "Not expecting a JSON object for field 'value'"),
    (
      #"{"subscribe": {"framework_info": {"user": "u", "name": "n", "checkpoint": 1}}}"#,
      "Not expecting a JSON number for field 'checkpoint'"
    ),
    (
      #"{"type": "SUBSCRIBE", "subscribe": {"framework_info": {"name": "x"}}}"#,
      "Missing required fields: subscribe.framework_info.user"
    ),
    (#"{"type": "SUBSCRIBE", "subscribe": {}}"#, "Missing required fields: subscribe.framework_info"),
    (#"{"framework_id": null, "kill": {"task_id": null}}"#, "Missing required fields: kill.task_id"),
    (
      #"{"accept": {"offer_ids": [{"value": "a"}, {}], "operations": [{"launch": {"task_infos": [{"name": "n"}]}}]}}"#,
      "Missing required fields: accept.offer_ids[1].value, accept.operations[0].launch.task_infos[0].task_id, "
        + "accept.operations[0].launch.task_infos[0].agent_id"
    ),
    (
      #"{"acknowledge": {"agent_id": {"value": "a"}, "task_id": {"value": "t"}, "uuid": "!!"}}"#,
      "Failed to base64 decode bytes field 'uuid': Invalid character '!'"
    ),
  ])
  func bodyThatIsNoCallIsExplained(body: String, problem: String) {
    #expect(refusal(of: body) == "Failed to convert JSON into Call protobuf: " + problem)
  }

  private static func ports(_ ranges: String) -> String {
    #"{"request": {"requests": [{"resources": [{"name": "ports", "type": "RANGES", "ranges": {"range": [\#(ranges)]}}]}]}}"#
  }

  @Test func garbageIsNoProtobuf() {
    let garbage: [UInt8] = [0xff, 0xfe, 0xfd]
    #expect(throws: WireRefusal(400, "Failed to parse body into Call protobuf")) {
      try WireFormat.protobuf.decode(SchedulerCall.self, from: garbage)
    }
  }

  @Test func protobufWithoutARequiredFieldIsRefused() {
    // Call { subscribe {} }: framework_info is missing.
    #expect(throws: WireRefusal(400, "Failed to parse body into Call protobuf")) {
      try WireFormat.protobuf.decode(SchedulerCall.self, from: [0x1a, 0x00])
    }
  }

  @Test func hostileBodiesAreRefusedWithoutHarm() {
    let deep = String(repeating: #"{"a":"#, count: 100_000)
    #expect(refusal(of: deep) != nil)
    #expect(refusal(of: String(repeating: "[", count: 100_000)) != nil)
    #expect(refusal(of: #"{"type": 1, "x": ""# + String(repeating: "x", count: 2_000_000) + #""}"#) != nil)
    #expect(refusal(of: "{\"framework_id\": \"\u{0}\"}") != nil)
  }
}
