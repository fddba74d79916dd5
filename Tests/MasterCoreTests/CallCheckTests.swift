import MasterCore
import Testing
import Wire

@Suite struct CallCheckTests {
  let cluster = TestCluster()

  private func answer(_ call: SchedulerCall, streamID: String? = nil) -> TestCluster.Answer? {
    let request = cluster.connection()
    cluster.handle(.schedulerCall(call, from: request, streamID: streamID))
    return cluster.answers[request]
  }

  @Test func aCallWithoutTypeIsInvalid() {
    #expect(
      answer(SchedulerCall())
        == .init(status: 400, text: "Failed to validate scheduler::Call: Expecting 'type' to be present"))
  }

  @Test(arguments: [
    (SchedulerCall.TypeEnum.accept, "accept"), (.decline, "decline"), (.kill, "kill"), (.shutdown, "shutdown"),
    (.acknowledge, "acknowledge"), (.reconcile, "reconcile"), (.message, "message"), (.request, "request"),
  ])
  func aMissingBodyIsNamedBeforeTheFrameworkIsLookedUp(type: SchedulerCall.TypeEnum, field: String) {
    var call = SchedulerCall()
    call.type = type
    #expect(
      answer(call)
        == .init(status: 400, text: "Failed to validate scheduler::Call: Expecting 'framework_id' to be present"))
    call.frameworkID.value = "unknown"
    #expect(
      answer(call) == .init(status: 400, text: "Failed to validate scheduler::Call: Expecting '\(field)' to be present")
    )
  }

  @Test func theIDsOfASubscriptionMustAgree() {
    var call = SchedulerCall()
    call.type = .subscribe
    call.subscribe.frameworkInfo = TestFramework.info()
    call.frameworkID.value = "x"
    #expect(
      answer(call)
        == .init(
          status: 400,
          text: "Failed to validate scheduler::Call: 'framework_id' differs from 'subscribe.framework_info.id'"))
  }

  @Test func aSubscriptionMustNotCarryAStreamID() {
    var call = SchedulerCall()
    call.type = .subscribe
    call.subscribe.frameworkInfo = TestFramework.info()
    #expect(
      answer(call, streamID: "x")
        == .init(status: 400, text: "Subscribe calls should not include the 'Mesos-Stream-Id' header"))
  }

  @Test func anUnknownFrameworkIs400AndADisconnectedOne403() {
    let framework = TestFramework(cluster)
    framework.disconnect()
    #expect(framework.call(.revive) == .init(status: 403, text: "Framework is not subscribed"))
    var call = SchedulerCall()
    call.type = .revive
    call.frameworkID.value = "unknown"
    #expect(answer(call) == .init(status: 400, text: "Framework cannot be found"))
  }

  @Test func theStreamIDMustBeThereAndRight() {
    let framework = TestFramework(cluster)
    #expect(
      framework.call(.revive, streamID: .some(nil))
        == .init(status: 400, text: "All non-subscribe calls should include the 'Mesos-Stream-Id' header"))
    #expect(
      framework.call(.revive, streamID: "deadbeef")
        == .init(
          status: 400,
          text: "The stream ID 'deadbeef' included in this request didn't match "
            + "the stream ID currently associated with framework ID master-0000"))
    #expect(framework.call(.revive) == .init(status: 202, text: ""))
  }

  @Test func aUUIDHas16Bytes() {
    let framework = TestFramework(cluster)
    #expect(
      framework.call(.acknowledge) { $0.acknowledge.taskID.value = "t" }
        == .init(status: 400, text: "Failed to validate scheduler::Call: Not a valid UUID"))
  }

  @Test func anUnknownTypeIs501() {
    #expect(TestFramework(cluster).call(.unknown)?.status == 501)
  }
}
