import Resources
import Testing
import Wire

@testable import MasterCore

/// What operators do to the resources of agents.
@Suite struct OperatorOperationTests {
  private typealias Samples = OperationTests

  private func call(
    _ cluster: TestCluster, _ operation: ResourceOperation, on agent: String, format: ReservationFormat = .stack
  ) -> TestCluster.Answer? {
    let message = MesosOffer.Operation(operation, format)
    var call = MesosMasterCall()
    switch operation {
    case .reserve:
      call.type = .reserveResources
      call.reserveResources.agentID.value = agent
      call.reserveResources.resources = message.reserve.resources
      call.reserveResources.source = message.reserve.source
    case .unreserve:
      call.type = .unreserveResources
      call.unreserveResources.agentID.value = agent
      call.unreserveResources.resources = message.unreserve.resources
    case .create:
      call.type = .createVolumes
      call.createVolumes.agentID.value = agent
      call.createVolumes.volumes = message.create.volumes
    case .destroy:
      call.type = .destroyVolumes
      call.destroyVolumes.agentID.value = agent
      call.destroyVolumes.volumes = message.destroy.volumes
    case .growVolume:
      call.type = .growVolume
      call.growVolume.agentID.value = agent
      call.growVolume.volume = message.growVolume.volume
      call.growVolume.addition = message.growVolume.addition
    case .shrinkVolume:
      call.type = .shrinkVolume
      call.shrinkVolume.agentID.value = agent
      call.shrinkVolume.volume = message.shrinkVolume.volume
      call.shrinkVolume.subtract = message.shrinkVolume.subtract
    }
    let connection = cluster.connection()
    cluster.handle(.operatorCall(call, from: connection))
    return cluster.answers[connection]
  }

  @Test(arguments: [ReservationFormat.stack, .single, .both])
  func whatIsFreeIsConvertedAndOffered(format: ReservationFormat) throws {
    let cluster = TestCluster()
    let agent = try TestAgent(cluster, resources: "cpus:4;mem:4096;disk:1000")
    let steps: [ResourceOperation] = [
      .reserve([Samples.reserved("disk", 300)]), .create([Samples.volume("v")]),
      .growVolume(Samples.volume("v"), addition: Samples.reserved("disk", 100)),
      .shrinkVolume(Samples.volume("v", 200), subtract: Quantity(50)),
    ]
    for step in steps {
      #expect(call(cluster, step, on: agent.id, format: format) == .init(status: 202, text: ""), "\(step)")
    }
    let framework = TestFramework(cluster)
    let offered = try Resources(wire: try #require(framework.offers.last).resources).unallocated()
    #expect(offered.contains([Samples.volume("v", 150), Samples.reserved("disk", 150)]))
    framework.call(.decline) { $0.decline.offerIds = framework.offers.map(\.id) }

    let back: [ResourceOperation] = [
      .destroy([Samples.volume("v", 150)]), .unreserve([Samples.reserved("disk", 300)]),
    ]
    for step in back { #expect(call(cluster, step, on: agent.id, format: format)?.status == 202, "\(step)") }
    #expect(cluster.core.snapshot().agents.first?.total == (try Resources(parsing: "cpus:4;mem:4096;disk:1000")))
    let told = agent.events.compactMap { if case .applyOperation(let told)? = $0.event { told.info.type } else { nil } }
    #expect(told == [.reserve, .create, .growVolume, .shrinkVolume, .destroy, .unreserve])
  }

  @Test func offersAreTakenBackOnlyWhereTheyAreInTheWay() throws {
    let cluster = TestCluster()
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    let offer = try #require(framework.offers.last)
    #expect(call(cluster, .reserve([Samples.reserved("cpus", 5)]), on: agent.id)?.status == 409)
    #expect(framework.rescinded.isEmpty)
    #expect(call(cluster, .reserve([Samples.reserved("cpus", 3)]), on: agent.id)?.status == 202)
    #expect(framework.rescinded == [offer.id.value])
  }

  @Test func whatATaskHoldsIsAConflict() throws {
    let cluster = TestCluster()
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    framework.launch([try #require(framework.offers.last).id.value], [framework.task("t", on: agent.id, cpus: 3)])
    let answer = call(cluster, .reserve([Samples.reserved("cpus", 2)]), on: agent.id)
    #expect(answer?.status == 409)
    #expect(answer?.text.contains("does not contain cpus:2") ?? false)
  }

  @Test func nonsenseIsABadRequestWithItsReason() throws {
    let cluster = TestCluster()
    let agent = try TestAgent(cluster)
    let place = "\(agent.id) at slave(1)@\(agent.address) (host)"
    #expect(
      call(cluster, .reserve([Samples.reserved("cpus", 1)]), on: "nobody")
        == .init(status: 400, text: "No agent found with specified ID"))
    #expect(
      call(cluster, .reserve([.scalar("cpus", 1)]), on: agent.id)
        == .init(
          status: 400,
          text: "Invalid RESERVE operation on agent \(place): Resource cpus:1 is not dynamically reserved"))
    #expect(
      call(cluster, .destroy([Samples.volume("v")]), on: agent.id)
        == .init(status: 400, text: "Invalid DESTROY operation: Persistent volumes not found"))
    var allocated = Samples.reserved("cpus", 1)
    allocated.allocationRole = "a"
    #expect(call(cluster, .reserve([allocated]), on: agent.id)?.text.contains("unallocated resources") ?? false)
    let negative = Resource("cpus", .scalar(Quantity(-1)), reservations: [Reservation(.dynamic, role: "a")])
    #expect(
      call(cluster, .reserve([negative]), on: agent.id)
        == .init(
          status: 400,
          text: "Failed to validate master::Call: Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0"))
    #expect(call(cluster, .unreserve([negative]), on: "nobody")?.text.hasPrefix("Failed to validate") ?? false)
    var volume = Samples.volume("v")
    volume.value = .scalar(Quantity(-1))
    #expect(call(cluster, .create([volume]), on: "nobody")?.text == "No agent found with specified ID")
    #expect(call(cluster, .create([volume]), on: agent.id)?.text.hasPrefix("Resource 'disk:-1' is invalid") ?? false)
  }
}
