import AgentCore
import Resources
import Testing
import Wire

/// Operations on the agent: its resources last over restarts, directories follow, the master hears of the end.
@Suite struct OperationTests {
  static func reserved(_ name: String, _ amount: Double) -> Resource {
    Resource(name, .scalar(Quantity(amount)), reservations: [Reservation(.dynamic, role: "eng/a")])
  }

  static func volume(_ id: String = "v", path: String = "data", amount: Double = 10) -> Resource {
    var volume = reserved("disk", amount)
    volume.disk = Disk(persistence: .init(id: id), volume: .init(containerPath: path))
    return volume
  }

  static func configuration(disk: Double = 100) -> AgentConfiguration {
    var configuration = Simulation.defaultConfiguration()
    configuration.info.resources = [resource("cpus", 4), resource("mem", 4096), resource("disk", disk)]
    return configuration
  }

  private static let made = VolumeDirectory(
    path: "/w/volumes/roles/eng a/v", isWholeDisk: false, trash: "/w/volumes/removed")

  private func agent() throws -> Simulation {
    let agent = try Simulation.subscribed(Self.configuration())
    agent.apply(.reserve([Self.reserved("disk", 10)]), 1)
    return agent
  }

  private func total(_ agent: Simulation) throws -> Resources {
    try Resources(wire: agent.core.state().info.resources)
  }

  @Test func aReservationLastsAndIsToldUntilAcknowledged() throws {
    let agent = try Simulation.subscribed(Self.configuration())
    agent.apply(.reserve([Self.reserved("cpus", 1)]), 1)
    let reserved: Resources = [Self.reserved("cpus", 1)]
    #expect(try total(agent).contains(reserved))
    #expect(agent.operationUpdates.map(\.status.state) == [.operationFinished])
    agent.advance(seconds: 35)
    // After 10 and 20 seconds more.
    #expect(agent.operationUpdates.count == 3)

    let next = try agent.restarted()
    next.connect()
    #expect(try total(next).contains(reserved))
    #expect(next.operationUpdates.map(\.status.uuid) == [try #require(agent.operationUpdates.first).status.uuid])
    next.acknowledgeOperations()
    next.advance(seconds: 1000)
    #expect(next.operationUpdates.count == 1)
    #expect(next.records.keys.sorted() == ["agent", "boot", "resources"])
  }

  @Test func theMasterHearsOfTotalAndOperationsAtASubscription() throws {
    let agent = try agent()
    agent.feed(.masterDisconnected)
    let turn = agent.feed(.connectingToMaster)
    let call = try #require(turn.compactMap { if case .subscribe(let call) = $0 { call.subscribe } else { nil } }.first)
    #expect(try Resources(wire: call.agentInfo.resources).contains([Self.reserved("disk", 10)]))
    #expect(call.operations.map(\.status.state) == [.operationFinished])
  }

  @Test func aVolumeIsMadeBeforeItsEndIsTold() throws {
    let agent = try agent()
    agent.apply(.create([Self.volume()]), 2)
    #expect(agent.volumeChanges.map(\.make) == [[Self.made]])
    #expect(agent.operationUpdates.count == 1)
    agent.feed(.volumesChanged(operation: Simulation.key(2), problem: nil))
    #expect(agent.operationUpdates.map(\.status.state) == [.operationFinished, .operationFinished])
    agent.apply(.destroy([Self.volume()]), 3)
    #expect(agent.volumeChanges.last?.remove == [Self.made])
    agent.apply(.create([Self.volume("w")]), 4)
    agent.feed(.volumesChanged(operation: Simulation.key(3), problem: nil))
    let deletions = agent.effects.compactMap { effect in
      if case .deleteRemoved(let trashes, let keep) = effect { (trashes, keep) } else { nil }
    }
    #expect(deletions.last?.0 == [Self.made.trash] && deletions.last?.1 == [Simulation.key(4)])
    agent.feed(.volumesChanged(operation: Simulation.key(4), problem: "test"))
    #expect(try total(agent).persistentVolumes.isEmpty)
  }

  @Test func aCrashBeforeTheDirectoryIsMadeGood() throws {
    let agent = try agent()
    agent.apply(.create([Self.volume()]), 2)
    let next = try agent.restarted()
    #expect(next.volumeChanges.map(\.make) == [[Self.made]])
    next.connect()
    #expect(next.operationUpdates.count == 1)
    next.feed(.volumesChanged(operation: Simulation.key(2), problem: nil))
    #expect(next.operationUpdates.count == 2)
    #expect(try total(next).persistentVolumes == [Self.volume()])
  }

  @Test func aVolumeThatCannotBeMadeIsTakenBack() throws {
    let agent = try agent()
    agent.apply(.create([Self.volume()]), 2)
    agent.feed(.volumesChanged(operation: Simulation.key(2), problem: "no space"))
    let update = try #require(agent.operationUpdates.last)
    #expect(update.status.state == .operationFailed && update.status.message == "no space")
    #expect(try Resources(wire: update.correctedTotal).contains([Self.reserved("disk", 10)]))
    #expect(try total(agent).persistentVolumes.isEmpty)
    #expect(try agent.restarted().core.state().info.resources == agent.core.state().info.resources)
  }

  @Test func aFailureTellsTheTotalWithoutWhatIsUnderWay() throws {
    let agent = try agent()
    agent.apply(.create([Self.volume(amount: 4)]), 2)
    agent.apply(.unreserve([Self.reserved("disk", 99)]), 3)
    let update = try #require(agent.operationUpdates.last)
    #expect(update.status.state == .operationFailed)
    #expect(try Resources(wire: update.correctedTotal).persistentVolumes.isEmpty)
  }

  @Test func anOperationIsAppliedOnce() throws {
    let agent = try agent()
    agent.apply(.reserve([Self.reserved("disk", 10)]), 1)
    #expect(try total(agent).reserved == [Self.reserved("disk", 10)])
  }

  @Test func anAgentThatNoLongerHasWhatIsReservedRefusesToStart() throws {
    let agent = try agent()
    agent.configuration = Self.configuration(disk: 5)
    #expect {
      try agent.restarted()
    } throws: { error in
      let text = "\(error)"
      return text.contains("does not contain disk:10") && text.contains("start with --resources that hold")
    }
    agent.configuration = Self.configuration(disk: 50)
    #expect(try total(try agent.restarted()).total(of: "disk") == Quantity(50))
  }

  @Test func whoForgetsItsIDKeepsItsVolumes() throws {
    let agent = try agent()
    agent.feed(.unregister(reason: "test"))
    #expect(agent.records.keys.sorted() == ["resources"])
  }

  // MARK: Tasks

  private func task(with volume: Resource) -> MesosTaskInfo {
    var info = AgentCoreTests.task("t1")
    info.resources.append(MesosResource(volume, .stack))
    return info
  }

  @Test func aCommandFindsItsVolumeInItsSandbox() throws {
    let agent = try Simulation.subscribed(Self.configuration())
    agent.run([task(with: Self.volume(path: "deep/data"))])
    let link = VolumeLink(source: Self.made.path, containerPath: "deep/data", isShared: false)
    #expect(agent.launches.map(\.volumes) == [[link]])
  }

  @Test(arguments: ["/abs", "../up", "a//b", "", "a/./b"]) func pathsOutsideOfTheSandboxAreRefused(path: String) throws
  {
    let agent = try Simulation.subscribed(Self.configuration())
    agent.run([task(with: Self.volume(path: path))])
    #expect(agent.launches.isEmpty)
    #expect(agent.states("t1") == [.taskError])
    #expect(agent.statuses("t1").first?.message.contains("Volume 'v'") ?? false)
  }

  @Test func anExecutorGetsATaskWhenItsVolumeIsThere() throws {
    let agent = try Simulation.subscribed(Self.configuration())
    var info = task(with: Self.volume())
    info.clearCommand()
    let container = agent.runExecutor([info])
    #expect(!agent.events().contains { $0.type == .launch })
    let batches = agent.effects.compactMap { effect in
      if case .addVolumes(let added) = effect, added.containerID == container { added.batch } else { nil }
    }
    agent.feed(.volumesAdded(containerID: container, batch: try #require(batches.last), problem: nil))
    #expect(agent.events().filter { $0.type == .launch }.count == 1)
  }

  @Test(arguments: [false, true]) func theVolumeIsToBeSeenInTheRootOfTheExecutor(hasImage: Bool) throws {
    var configuration = Self.configuration()
    configuration.rootDirectory = "/srv/roots"
    let agent = try Simulation.subscribed(configuration)
    var info = task(with: Self.volume(path: "deep/data"))
    info.clearCommand()
    var rooted = executor()
    if hasImage {
      rooted.container.type = .mesos
      rooted.container.mesos.image.type = .docker
      rooted.container.mesos.image.docker.name = "tiny"
    }
    let container = agent.runExecutor([info], executor: rooted)
    let added = agent.effects.compactMap { if case .addVolumes(let added) = $0 { added } else { nil } }
    #expect(added.map(\.isRooted) == [hasImage] && added.map(\.containerID) == [container])
    #expect(added.map(\.volumes) == [[VolumeLink(source: Self.made.path, containerPath: "deep/data", isShared: false)]])
  }

  @Test func aTaskWhoseVolumeCannotBeLinkedFails() throws {
    let agent = try Simulation.subscribed(Self.configuration())
    var info = task(with: Self.volume())
    info.clearCommand()
    let container = agent.runExecutor([info])
    agent.feed(.volumesAdded(containerID: container, batch: 0, problem: "it is gone"))
    #expect(agent.states("t1") == [.taskFailed])
    #expect(!agent.events().contains { $0.type == .launch })
  }
}

extension Simulation {
  static func key(_ number: UInt8) -> String {
    String(repeating: (number < 16 ? "0" : "") + String(number, radix: 16), count: 16)
  }

  func apply(_ operation: ResourceOperation, _ number: UInt8) {
    feedMaster(
      .applyOperation(
        .with {
          $0.uuid = .init(repeating: number, count: 16)
          $0.info = MesosOffer.Operation(operation)
        }))
  }

  var operationUpdates: [AgentCall.OperationUpdate] {
    calls.compactMap { if case .operationUpdate(let update) = $0.call { update } else { nil } }
  }

  var volumeChanges: [(make: [VolumeDirectory], remove: [VolumeDirectory])] {
    effects.compactMap { if case .changeVolumes(_, let make, let remove) = $0 { (make, remove) } else { nil } }
  }

  func acknowledgeOperations() {
    for update in operationUpdates {
      feedMaster(
        .acknowledgeOperation(
          .with {
            $0.operationUuid = update.operationUuid
            $0.statusUuid = update.status.uuid.value
          }))
    }
  }
}
