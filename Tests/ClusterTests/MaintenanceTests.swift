import Foundation
import NIOHTTP1
import Testing
import Transport
import Wire

extension ClusterTests {
  /// Planned maintenance and fault domains over real HTTP.
  @MainActor @Suite struct MaintenanceAtWork {
    /// Of all agents of these clusters.
    private func machine(_ cluster: Cluster) async throws -> String {
      let slaves = String(buffer: try await cluster.get(cluster.master.endpoint, "/slaves").body)
      let host = try #require(slaves.firstMatch(of: /"hostname":"([^"]+)"/)).output.1
      return #"{"hostname":"\#(host)","ip":"127.0.0.1"}"#
    }

    private func get(_ cluster: Cluster, _ path: String) async throws -> String {
      String(buffer: try await cluster.get(cluster.master.endpoint, path).body)
    }

    private func schedule(_ machines: String, start: Int = 2_000_000_000) -> String {
      #"{"windows":[{"machine_ids":[\#(machines)],"#
        + #""unavailability":{"start":{"nanoseconds":\#(start)000000000},"duration":{"nanoseconds":3600000000000}}}]}"#
    }

    private func call(_ type: String, _ body: String? = nil) -> String {
      body.map { #"{"type":"\#(type)","\#(type.lowercased())":\#($0)}"# } ?? #"{"type":"\#(type)"}"#
    }

    /// Exchanges 161, 162, 202 and 203 of a real Mesos.
    @Test func withoutAPlanAnswersAreThoseOfMesos() async throws {
      try await Cluster.run(agents: []) { cluster in
        for path in ["/maintenance/schedule", "/maintenance/status"] {
          let response = try await cluster.get(cluster.master.endpoint, path)
          #expect(response.status == .ok)
          #expect(response.headers.first(name: "Content-Type") == "application/json")
          #expect(String(buffer: response.body) == "{}")
        }
        #expect(
          try await cluster.post("/api/v1", call("GET_MAINTENANCE_STATUS"))
            == (200, #"{"type":"GET_MAINTENANCE_STATUS","get_maintenance_status":{"status":{}}}"#))
        #expect(
          try await cluster.post("/api/v1", call("GET_MAINTENANCE_SCHEDULE"))
            == (200, #"{"type":"GET_MAINTENANCE_SCHEDULE","get_maintenance_schedule":{"schedule":{}}}"#))
      }
    }

    @Test func aFrameworkIsAskedAnswersAndLosesItsTask() async throws {
      try await Cluster.run { cluster in
        let machine = try await machine(cluster)
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        let offer = try await framework.offer(cpus: 4)
        #expect(!offer.hasUnavailability)
        try await framework.launch(["t"], on: offer, "sleep 1000")
        try await framework.wait("the task runs") { $0.states(of: "t").contains(.taskRunning) }
        _ = try await framework.offer(cpus: 3)

        #expect(try await cluster.post("/maintenance/schedule", schedule(machine)) == (200, ""))
        try await framework.wait("an offer that tells of the plan, and the question") {
          $0.offers.allSatisfy(\.hasUnavailability) && !$0.offers.isEmpty && !$0.inverseOffers.isEmpty
        }
        let question = try #require(framework.inverseOffers.first)
        #expect(framework.inverseOffers.count == 1)
        #expect(framework.offers[0].unavailability == question.unavailability)
        #expect(question.unavailability.start.nanoseconds == 2_000_000_000_000_000_000)
        #expect(question.unavailability.duration.nanoseconds == 3_600_000_000_000)
        #expect(question.agentID == offer.agentID)
        try await framework.send(.acceptInverseOffers) { $0.acceptInverseOffers.inverseOfferIds = [question.id] }
        let status = try await get(cluster, "/maintenance/status")
        #expect(status.hasPrefix(#"{"draining_machines":[{"id":\#(machine),"statuses":[{"status":"ACCEPT","#))
        #expect(status.contains(#""framework_id":{"value":"\#(framework.id)"},"timestamp":{"nanoseconds":"#))
        #expect(
          try await cluster.post("/api/v1", call("GET_MAINTENANCE_STATUS")).text
            == #"{"type":"GET_MAINTENANCE_STATUS","get_maintenance_status":{"status":\#(status)}}"#)

        #expect(try await cluster.post("/machine/down", "[\(machine)]") == (200, ""))
        try await framework.wait("the task is lost") { $0.states(of: "t").last == .taskLost }
        try await eventually("the agent has ended") { !cluster.isRunning("agent0") }
        #expect(try await get(cluster, "/maintenance/status") == #"{"down_machines":[\#(machine)]}"#)
        try await framework.send(.teardown)
      }
    }

    @Test func aMachineThatIsDownStaysSoOverARestartUntilItIsBroughtUp() async throws {
      try await Cluster.run { cluster in
        let host = try JSONDecoder().decode([String: String].self, from: Data(try await machine(cluster).utf8))
        let name = "\(try #require(host["hostname"])),127.0.0.1"
        // One name will do while an agent has it.
        let planned = try await cluster.tepui(
          "maintenance", "schedule", "127.0.0.1", "--start", "+2hrs", "--duration", "90mins")
        #expect(planned.status == 0 && planned.output.contains(#/127\.0\.0\.1 +20\S+Z +90mins\n/#), "\(planned.output)")
        let draining = try await cluster.tepui("maintenance")
        #expect(draining.output.contains(#/127\.0\.0\.1 +draining +20\S+Z +90mins +0 +0\n/#), "\(draining.output)")
        #expect(try await cluster.tepui("maintenance", "start", name).status == 0)
        try await eventually("the agent has ended") { !cluster.isRunning("agent0") }

        try await cluster.stopMaster(SIGKILL)
        try await cluster.startMaster()
        #expect(try await cluster.tepui("maintenance").output.contains(#/127\.0\.0\.1 +down /#))
        let cancelled = try await cluster.tepui("maintenance", "cancel", "127.0.0.1")
        #expect(cancelled.status != 0 && cancelled.output.contains("is deactivated and cannot be removed"))
        try await cluster.launchAgent("agent1", "cpus:1;mem:64")
        try await eventually("the agent is turned away") { cluster.log(of: "agent1").contains("Machine is `DOWN`") }
        try await eventually("it has ended") { !cluster.isRunning("agent1") }
        #expect(try await cluster.tepui("maintenance", "stop", "127.0.0.1").status == 0)
        #expect(try await cluster.tepui("maintenance").output.split(separator: "\n").count == 1)
        try await cluster.startAgent("agent2", "cpus:1;mem:64")
      }
    }

    @Test func theWholeScheduleComesFromAFile() async throws {
      try await Cluster.run(agents: []) { cluster in
        let file = "\(cluster.directory)/schedule.json"
        let whole = schedule(#"{"hostname":"a","ip":"10.0.0.1"},{"hostname":"b","ip":"10.0.0.2"}"#)
        try whole.write(toFile: file, atomically: true, encoding: .utf8)
        let shown = try await cluster.tepui("maintenance", "schedule", "--file", file)
        #expect(
          shown.status == 0 && shown.output.contains(#/a +10\.0\.0\.1 +2033-05-18T03:33:20Z +1hrs\n/#),
          "\(shown.output)")
        #expect(try await get(cluster, "/maintenance/schedule") == whole)
        #expect(try await cluster.tepui("maintenance", "cancel", "A").status == 0)
        #expect(try await !get(cluster, "/maintenance/schedule").contains("10.0.0.1"))
        #expect(try await cluster.tepui("maintenance", "schedule", "c,10.0.0.3", "--start", "now").status == 0)
        for (arguments, text) in [
          (["schedule", "--file", "/no/such/file"], "/no/such/file cannot be read"),
          (["schedule", "nobody", "--start", "now"], "no agent and no scheduled machine is called 'nobody'"),
          (["schedule", "a,b"], "say when: --start now"),
          (["schedule", "a,b", "--start", "soon"], "'soon' is invalid for '--start"),
          (["schedule", "a,b", "--start", "now"], "refused: Failed to parse IPv4: b"),
          (["start", "a,10.0.0.1"], "is not part of a maintenance schedule"),
          (["stop", "b"], "is not in DOWN mode and cannot be brought up"),
        ] {
          let program = try cluster.startTepui(["maintenance"] + arguments)
          #expect(try await program.exitStatus() != 0)
          #expect(program.log.contains(text), "\(arguments): \(program.log)")
        }
      }
    }

    @Test func oddRequestsAreRefused() async throws {
      try await Cluster.run(agents: []) { cluster in
        let a = #"{"hostname":"a","ip":"10.0.0.1"}"#
        for (path, body, text) in [
          ("/maintenance/schedule", "{", "syntax error at line 1 near: "),
          (
            "/maintenance/schedule", #"{"windows":[{"machine_ids":[\#(a)]}]}"#,
            "Missing required fields: windows[0].unavailability"
          ),
          (
            "/maintenance/schedule", #"{"windows":[{"machine_ids":[\#(a)],"unavailability":{}}]}"#,
            "Missing required fields: windows[0].unavailability.start"
          ),
          ("/maintenance/schedule", schedule(""), "List of machines in the maintenance window is empty"),
          ("/machine/down", "[]", "List of machines is empty"),
          ("/machine/down", "[\(a)]", #"Machine '\#(a)' is not part of a maintenance schedule"#),
          ("/machine/up", #"[{"hostname":""}]"#, "Both 'hostname' and 'ip' for a machine are empty"),
          ("/machine/up", #"["a"]"#, "Not expecting a JSON string for field 'machines'"),
        ] {
          #expect(try await cluster.post(path, body) == (400, text), "\(path) \(body)")
        }
        #expect(
          try await cluster.post("/api/v1", call("START_MAINTENANCE"))
            == (400, "Failed to validate master::Call: Expecting 'start_maintenance' to be present"))
        #expect(
          try await cluster.post("/api/v1", call("UPDATE_MAINTENANCE_SCHEDULE", #"{"schedule":\#(schedule(a))}"#))
            .status
            == 200)
        #expect(
          try await cluster.post("/api/v1", call("STOP_MAINTENANCE", #"{"machines":[\#(a)]}"#)).text
            == #"Machine '\#(a)' is not in DOWN mode and cannot be brought up"#)
        for (method, path, allowed) in [
          (HTTPMethod.PUT, "/maintenance/schedule", "{ 'GET', 'POST' }"), (.POST, "/maintenance/status", "{ 'GET' }"),
          (.GET, "/machine/down", "{ 'POST' }"), (.GET, "/machine/up", "{ 'POST' }"),
        ] {
          let response = try await cluster.http.send(ClientRequest(method, cluster.master.endpoint, path))
          #expect(response.status == .methodNotAllowed)
          #expect(String(buffer: response.body).contains(allowed))
        }
        let wrapped = try await get(cluster, "/maintenance/schedule?jsonp=f")
        #expect(wrapped.hasPrefix("f({") && wrapped.hasSuffix("})"))
      }
    }

    @Test func agentsOfAnotherRegionAreShownAndForFrameworksThatKnowOfRegions() async throws {
      func domain(_ region: String) -> String {
        #"{"fault_domain":{"region":{"name":"\#(region)"},"zone":{"name":"z"}}}"#
      }
      try await Cluster.run(agents: [], flags: ["--domain=\(domain("eu"))"]) { cluster in
        let file = "\(cluster.directory)/domain.json"
        try domain("us").write(toFile: file, atomically: true, encoding: .utf8)
        try await cluster.startAgent("agent0", "cpus:1;mem:64", flags: ["--domain=file://\(file)"])
        let state = try await get(cluster, "/state")
        #expect(state.contains(#""domain":\#(domain("us"))"#))
        #expect(state.contains(#""domain":\#(domain("eu"))"#))
        #expect(try await get(cluster, "/slaves").contains(#""domain":\#(domain("us"))"#))
        #expect(
          String(buffer: try await cluster.get(cluster.agent, "/state").body).contains(#""domain":\#(domain("us"))"#))
        let plain = TestFramework(cluster, "plain")
        try await plain.subscribe()
        let aware = TestFramework(cluster, "aware")
        aware.change { $0.capabilities.append(.with { $0.type = .regionAware }) }
        try await aware.subscribe()
        #expect(try await aware.offer(cpus: 1).domain.faultDomain.region.name == "us")
        try await aware.send(.teardown)
        let explained = try await cluster.tepui("explain", "--framework", plain.id)
        #expect(explained.output.contains("1 agents: in another region, which the framework does not ask for"))
        #expect(plain.offers.isEmpty)

        try await cluster.stopMaster()
        try await cluster.startMaster()
        try await eventually("the agent is turned away and lives") {
          cluster.log(of: "agent0").contains("but the master has no configured domain")
        }
        #expect(cluster.isRunning("agent0"))
        for (flag, text) in [
          ("--domain={}", "`domain` must define `fault_domain`"), ("--domain={", "syntax error"),
          ("--domain=/no/such/file", "the file /no/such/file cannot be read"),
        ] {
          for program in ["tepui-master", "tepui-agent"] {
            let refused = try Program(
              program,
              [flag, "--port=0", "--work_dir=\(cluster.directory)/refused"]
                + (program == "tepui-agent" ? ["--master=127.0.0.1:1"] : []),
              log: "\(cluster.directory)/refused-\(program).log")
            #expect(try await refused.exitStatus() != 0)
            #expect(refused.log.contains(text), "\(program) \(flag): \(refused.log)")
          }
        }
      }
    }
  }
}
