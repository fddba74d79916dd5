import MasterCore
import Resources
import Testing
import Wire

/// The schedule, the modes of machines, and what becomes of agents.
@Suite struct MaintenanceTests {
  let cluster = TestCluster()
  let a = MesosMachineID("a", "10.0.0.1")
  let b = MesosMachineID("b", "10.0.0.2")

  /// An agent on the machine "host", 10.0.0.1 with task "t" running, and its framework.
  private func running() throws -> (TestAgent, TestFramework) {
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    framework.launch([try #require(framework.offers.last).id.value], [framework.task("t", on: agent.id)])
    agent.update("t", of: framework, .taskRunning)
    return (agent, framework)
  }

  private func shutdowns(_ agent: TestAgent) -> [String] {
    agent.events.compactMap { if case .shutdown(let shutdown)? = $0.event { shutdown.message } else { nil } }
  }

  // MARK: Schedule

  @Test func aScheduleIsRefusedInMesosWords() {
    let empty = "Both 'hostname' and 'ip' for a machine are empty"
    #expect(cluster.schedule([]) == .refused("List of machines in the maintenance window is empty"))
    #expect(cluster.schedule([MesosMachineID(nil, nil)]) == .refused(empty))
    #expect(cluster.schedule([a], [MesosMachineID("", "")]) == .refused(empty))
    for ip in ["10.0.0", "10.0.0.256", "10.0.0.01", "1.2.3.4.5", "::1", "ten", "1.2.3.+4", "1..2.3"] {
      #expect(cluster.schedule([MesosMachineID("a", ip)]) == .refused("Failed to parse IPv4: \(ip)"))
    }
    // The case of a host name means nothing.
    #expect(
      cluster.schedule([a], [MesosMachineID("A", "10.0.0.1")])
        == .refused(#"Machine '{"hostname":"A","ip":"10.0.0.1"}' appears more than once in the schedule"#))
    let negative = cluster.call(.updateMaintenanceSchedule) {
      $0.updateMaintenanceSchedule.schedule.windows = [
        .with {
          $0.machineIds = [a]
          $0.unavailability.start.nanoseconds = 1
          $0.unavailability.duration.nanoseconds = -1
        }
      ]
    }
    #expect(negative == .refused("Unavailability 'duration' is negative"))
    #expect(
      cluster.call(.updateMaintenanceSchedule)
        == .refused("Failed to validate master::Call: Expecting 'update_maintenance_schedule' to be present"))
    #expect(cluster.core.snapshot().maintenanceSchedule.windows.isEmpty)
    #expect(cluster.records.isEmpty)
  }

  @Test func scheduledMachinesDrainUntilTheScheduleIsEmpty() {
    #expect(cluster.schedule([a, MesosMachineID("only", nil)], [b]) == .ok)
    #expect(cluster.status.drainingMachines.map(\.id) == [a, MesosMachineID("only", nil), b])
    #expect(cluster.core.snapshot().maintenanceSchedule.windows.map(\.machineIds.count) == [2, 1])
    #expect(cluster.schedule([b]) == .ok)
    #expect(cluster.status.drainingMachines.map(\.id) == [b])
    #expect(cluster.schedule() == .ok)
    #expect(cluster.status == MesosMaintenanceClusterStatus())
    #expect(cluster.records.isEmpty)
  }

  @Test func machinesGoDownAndUpOnlyFromTheModeBefore() throws {
    let agent = try TestAgent(cluster)
    let text = #"Machine '{"hostname":"a","ip":"10.0.0.1"}'"#
    #expect(cluster.down() == .refused("List of machines is empty"))
    #expect(cluster.up() == .refused("List of machines is empty"))
    #expect(cluster.down(MesosMachineID(nil, "")) == .refused("Both 'hostname' and 'ip' for a machine are empty"))
    #expect(cluster.down(a) == .refused("\(text) is not part of a maintenance schedule"))
    #expect(cluster.up(a) == .refused("\(text) is not part of a maintenance schedule"))
    // Of a machine with an agent Mesos knows that it is up.
    #expect(
      cluster.down(agent.machine)
        == .refused(
          #"Machine '{"hostname":"host","ip":"10.0.0.1"}' is not in DRAINING mode and cannot be brought down"#))
    cluster.schedule([a], [b])
    #expect(cluster.down(a, a) == .refused("\(text) appears more than once in the schedule"))
    #expect(cluster.up(a) == .refused("\(text) is not in DOWN mode and cannot be brought up"))
    #expect(cluster.down(a) == .ok)
    #expect(cluster.down(b, a) == .refused("\(text) is not in DRAINING mode and cannot be brought down"))
    #expect(cluster.status.downMachines == [a])
    #expect(cluster.status.drainingMachines.map(\.id) == [b])
    #expect(cluster.schedule([b]) == .refused("\(text) is deactivated and cannot be removed from the schedule"))
    #expect(cluster.schedule([b, MesosMachineID("A", "10.0.0.1")], start: 1) == .ok)
    #expect(cluster.status.downMachines.count == 1)
    #expect(cluster.up(a) == .ok)
    #expect(cluster.status.downMachines.isEmpty)
    #expect(cluster.core.snapshot().maintenanceSchedule.windows.map(\.machineIds) == [[b]])
    #expect(cluster.down(b) == .ok)
    #expect(cluster.up(b) == .ok)
    #expect(cluster.core.snapshot().maintenanceSchedule == MesosMaintenanceSchedule())
  }

  @Test func theNextMasterKnowsScheduleAndModes() {
    cluster.schedule([a], [b])
    cluster.down(b)
    let next = TestCluster(id: "next", records: cluster.records)
    #expect(next.core.snapshot().maintenanceSchedule == cluster.core.snapshot().maintenanceSchedule)
    #expect(next.status == cluster.status)
    #expect(next.schedule([a]).map(\.status) == 400)
    #expect(next.up(b) == .ok)
    #expect(TestCluster(id: "third", records: next.records).status.drainingMachines.map(\.id) == [a])
  }

  /// A crash between two records would leave a machine that is down and not scheduled.
  @Test func nothingIsAnsweredOrDoneBeforeItIsSafe() throws {
    let (agent, framework) = try running()
    cluster.isWriting = false
    #expect(cluster.schedule([agent.machine]) == nil)
    #expect(cluster.status == MesosMaintenanceClusterStatus())
    // Judged by what will be there.
    #expect(cluster.down(agent.machine) == nil)
    #expect(cluster.schedule()?.text.contains("is deactivated and cannot be removed") ?? false)
    #expect(framework.updates.allSatisfy { $0.state == .taskRunning })
    cluster.isWriting = true
    cluster.pass(seconds: 1)
    #expect(cluster.status.downMachines == [agent.machine])
    #expect(cluster.answers.values.count { $0 == .ok } >= 2)
    for records in cluster.pastRecords {
      let status = TestCluster(records: records).status
      #expect(status.downMachines.isEmpty || status.drainingMachines.isEmpty)
    }
  }

  // MARK: Agents

  @Test func agentsOnAMachineThatIsTakenDownEndWithTheirTasks() throws {
    let (agent, framework) = try running()
    cluster.schedule([agent.machine])
    framework.clear()
    #expect(cluster.down(agent.machine) == .ok)
    #expect(shutdowns(agent) == ["Operator initiated 'Machine DOWN'"])
    #expect(cluster.closed.contains(agent.connection))
    let update = try #require(framework.updates.first)
    #expect(update.state == .taskLost)
    #expect(update.source == .master)
    #expect(update.reason == .agentRemoved)
    #expect(update.message == "Agent host removed: Operator initiated 'Machine DOWN'")
    #expect(framework.events.contains { $0.type == .failure && $0.failure.agentID.value == agent.id })
    #expect(cluster.core.snapshot().agents.isEmpty)
    framework.clear()

    agent.subscribe()
    #expect(shutdowns(agent) == ["Machine is `DOWN`"])
    #expect(cluster.closed.contains(agent.connection))
    let newcomer = try TestAgent(cluster, address: "10.0.0.1:5052")
    #expect(shutdowns(newcomer) == ["Machine is `DOWN`"])
    let elsewhere = try TestAgent(cluster, address: "10.0.0.9:5051")
    #expect(framework.offers.map(\.agentID.value) == [elsewhere.id])
    #expect(cluster.core.snapshot().agents.count == 1)

    #expect(cluster.up(agent.machine) == .ok)
    let back = try TestAgent(cluster, address: agent.address)
    #expect(framework.offers.last?.agentID.value == back.id)
    #expect(framework.offers.last?.hasUnavailability == false)
  }

  @Test func anAgentMayNotSlipInWhileItsMachineGoesDown() throws {
    cluster.schedule([a])
    cluster.isWriting = false
    cluster.down(a)
    let agent = try TestAgent(cluster, address: "10.0.0.1:5051", subscribes: false)
    agent.info.hostname = "A"
    agent.subscribe()
    #expect(agent.events.isEmpty)
    cluster.isWriting = true
    cluster.pass(seconds: 0)
    cluster.schedule([a], start: 1)
    #expect(shutdowns(agent) == ["Machine is `DOWN`"])
    #expect(cluster.core.snapshot().agents.isEmpty)
    #expect(!cluster.records.keys.contains { $0.hasPrefix("agent/") })
  }

  @Test func offersTellOfThePlanAndAreMadeAnewWhenItChanges() throws {
    let agent = try TestAgent(cluster)
    let other = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    #expect(framework.offers.count == 2)
    #expect(framework.offers.allSatisfy { !$0.hasUnavailability })
    let before = try #require(framework.offers.first { $0.agentID.value == agent.id })
    framework.clear()
    cluster.schedule([agent.machine], start: 7)
    #expect(framework.rescinded == [before.id.value])
    #expect(framework.offers.map(\.agentID.value) == [agent.id])
    #expect(framework.offers.first?.unavailability.start.nanoseconds == 7_000_000_000)
    #expect(framework.offers.first?.unavailability.hasDuration == false)
    // What is as it was changes nothing.
    framework.clear()
    cluster.schedule([agent.machine], [MesosMachineID("nobody", nil)], start: 7)
    #expect(framework.events.isEmpty)
    cluster.schedule([other.machine], start: 7)
    #expect(Set(framework.offers.map(\.agentID.value)) == [agent.id, other.id])
    #expect(framework.offers.filter(\.hasUnavailability).map(\.agentID.value) == [other.id])
  }

  @Test func explainCountsAgentsUnderMaintenance() throws {
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    cluster.schedule([agent.machine], [a])
    cluster.down(a)
    guard case .object(let view)? = cluster.core.explain(framework: framework.id, at: cluster.now) else {
      Issue.record("no explanation")
      return
    }
    #expect(view["agents"] == ["scheduled for maintenance": .integer(1), "down for maintenance": .integer(1)])
  }
}
