import SwiftProtobuf
import Testing
import Wire

/// Mesos' JSON mapping, where it differs from protobuf's own.
@Suite struct JSONFormTests {
  private func json(_ message: some Message) -> String {
    String(decoding: WireFormat.json.encode(message), as: UTF8.self)
  }

  private func call(_ text: String) throws -> SchedulerCall {
    try WireFormat.json.decode(SchedulerCall.self, from: Array(text.utf8))
  }

  @Test func unsetFieldsWithADefaultAreWritten() {
    var call = SchedulerCall()
    call.type = .accept
    call.accept.filters = MesosFilters()
    #expect(json(call) == #"{"type":"ACCEPT","accept":{"filters":{"refuse_seconds":5.0}}}"#)
  }

  @Test func defaultsOfMessagesInsideAreWrittenToo() {
    var info = MesosTaskInfo()
    info.name = "n"
    info.command.value = "true"
    info.command.uris = [.with { $0.value = "u" }, .with { $0.extract = false }]
    #expect(
      json(info) == #"{"name":"n","command":{"uris":[{"value":"u","extract":true},{"extract":false}],"#
        + #""value":"true","shell":true}}"#)
  }

  @Test func deprecatedFieldsAreWrittenOnlyWhenSet() {
    var info = MesosFrameworkInfo()
    #expect(json(info) == #"{"failover_timeout":0.0,"checkpoint":false}"#)
    info.role = "r"
    #expect(json(info) == #"{"failover_timeout":0.0,"checkpoint":false,"role":"r"}"#)
  }

  @Test func encodingLeavesTheMessageAsItIs() {
    let info = MesosFrameworkInfo()
    _ = json(info)
    #expect(!info.hasCheckpoint)
    #expect(WireFormat.protobuf.encode(info).isEmpty)
  }

  @Test func largeIntegersAreNumbersAndBytesAreBase64() {
    var time = MesosTimeInfo()
    time.nanoseconds = 1_795_365_072_286_101_000
    #expect(json(time) == #"{"nanoseconds":1795365072286101000}"#)
    var id = MesosUUID()
    id.value = .init([0, 0xff, 0x10])
    #expect(json(id) == #"{"value":"AP8Q"}"#)
  }

  @Test func numbersMayComeAsTextAndNullIsAbsent() throws {
    let call = try call(
      #"{"type":"ACCEPT","framework_id":null,"unknown":[1],"accept":{"filters":{"refuse_seconds":"4294967295"}}}"#)
    #expect(call.accept.filters.refuseSeconds == 4_294_967_295)
    #expect(!call.hasFrameworkID)
  }

  @Test func infinityIsANumber() throws {
    #expect(
      try call(#"{"accept":{"filters":{"refuse_seconds":"Infinity"}}}"#).accept.filters.refuseSeconds == .infinity)
  }

  @Test func unknownEnumNameIsAsIfAbsent() throws {
    #expect(try !call(#"{"type": "NOPE"}"#).hasType)
  }

  @Test func numberUnderAnUnknownNameIsIgnored() throws {
    #expect(try call(#"{"type": "REVIVE", "unknown": {"type": 1}}"#).type == .revive)
  }

  @Test(arguments: WireFormat.allCases)
  func everyFormatGivesBackWhatItWasGiven(format: WireFormat) throws {
    var call = SchedulerCall()
    call.frameworkID.value = "äöü\n\"\\"
    call.type = .acknowledge
    call.acknowledge.agentID.value = "a"
    call.acknowledge.taskID.value = "t"
    call.acknowledge.uuid = .init((0..<16).map { UInt8($0) })
    #expect(try format.decode(SchedulerCall.self, from: format.encode(call)) == call)
  }
}
