import Foundation
import Resources
import Testing
import Transport
import Wire

extension ClusterTests {
  /// Reservations and persistent volumes with real daemons: what a framework keeps outlives its tasks and the agent.
  @MainActor @Suite struct Volumes {
    private static let resources = "cpus:4;mem:4096;disk:10000"

    private static func reserved(_ name: String, _ amount: Double) -> Resource {
      Resource(
        name, .scalar(Quantity(amount)), reservations: [Reservation(.dynamic, role: "a")], allocationRole: "a")
    }

    private static func volume(_ id: String = "v") -> Resource {
      var volume = reserved("disk", 64)
      volume.disk = Disk(persistence: .init(id: id), volume: .init(containerPath: "data"))
      return volume
    }

    /// Needs all that was reserved, so that it finds an offer that holds it.
    private func offer(to framework: TestFramework, with resource: Resource) async throws -> MesosOffer {
      let wanted = Resources(resource)
      let holds = { (offer: MesosOffer) in (try? Resources(wire: offer.resources))?.contains(wanted) ?? false }
      try await framework.wait("an offer with \(resource)") { $0.offers.contains(where: holds) }
      return try #require(framework.offers.first(where: holds))
    }

    private func task(_ id: String, _ script: String, on offer: MesosOffer, with volume: Resource) -> MesosTaskInfo {
      .task(id, on: offer, script) { $0.resources.append(MesosResource(volume, .stack)) }
    }

    @Test func dataOutlivesTasksAndAgents() async throws {
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster, role: "a")
        try await framework.subscribe()
        let path = "\(cluster.directory)/agent0/volumes/roles/a/v"
        let first = try await framework.offer(cpus: 4)
        try await framework.accept(
          first,
          [
            MesosOffer.Operation(.reserve([Self.reserved("disk", 64)])),
            MesosOffer.Operation(.create([Self.volume()])),
            .launching([task("writes", "echo kept > data/file", on: first, with: Self.volume())]),
          ])
        try await framework.wait("the first task's end") { $0.tasks(in: .taskFinished) == ["writes"] }
        #expect(try String(contentsOfFile: "\(path)/file", encoding: .utf8) == "kept\n")

        try await cluster.stopAgent("agent0", SIGKILL)
        try await cluster.startAgent("agent0", Self.resources)
        let second = try await offer(to: framework, with: Self.volume())
        try await framework.launch(
          [task("reads", "grep -q kept data/file", on: second, with: Self.volume())], on: second)
        try await framework.wait("the second task's end") { $0.tasks(in: .taskFinished) == ["writes", "reads"] }

        let third = try await offer(to: framework, with: Self.volume())
        try await framework.accept(
          third,
          [
            MesosOffer.Operation(.destroy([Self.volume()])).named("op1"),
            MesosOffer.Operation(.unreserve([Self.reserved("disk", 64)])).named("op2"),
          ])
        try await framework.wait("both operations' ends") { framework in
          ["op1", "op2"].allSatisfy { framework.operations[$0]?.state == .operationFinished }
        }
        #expect(!FileManager.default.fileExists(atPath: path))
        // In one offer again.
        try await framework.decline()
        let last = try await framework.offer(cpus: 4)
        #expect(try Resources(wire: last.resources).reserved.isEmpty)
        try await framework.send(.teardown)
      }
    }

    @Test func aVolumeThatCannotBeMadeIsToldAndTakenBack() async throws {
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster, role: "a")
        try await framework.subscribe()
        // A file where the directory of the role should be.
        let roles = "\(cluster.directory)/agent0/volumes/roles"
        try FileManager.default.createDirectory(atPath: roles, withIntermediateDirectories: true)
        try "".write(toFile: "\(roles)/a", atomically: true, encoding: .utf8)
        let first = try await framework.offer(cpus: 4)
        try await framework.accept(
          first,
          [
            MesosOffer.Operation(.reserve([Self.reserved("disk", 64)])),
            MesosOffer.Operation(.create([Self.volume()])).named("op"),
            .launching([task("t", "true", on: first, with: Self.volume())]),
          ])
        try await framework.wait("the failure") { $0.operations["op"]?.state == .operationFailed }
        try await framework.wait("the task's end") { $0.tasks(in: .taskFailed) == ["t"] }
        let next = try await offer(to: framework, with: Self.reserved("disk", 64))
        #expect(try Resources(wire: next.resources).persistentVolumes.isEmpty)
        try await framework.send(.teardown)
      }
    }

    @Test func whatTasksLeaveBehindIsDeletedAndNothingElse() async throws {
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster, role: "a")
        try await framework.subscribe()
        let outside = "\(cluster.directory)/outside"
        try FileManager.default.createDirectory(atPath: outside, withIntermediateDirectories: true)
        try "precious".write(toFile: "\(outside)/file", atomically: true, encoding: .utf8)
        let first = try await framework.offer(cpus: 4)
        // Deep, odd names, links out of it, and a name that is no text.
        let script = """
          cd data; ln -s \(outside) link; ln -s / root; touch "$(printf 'a\\377b')" .removed-1 'new
          line'; for i in $(seq 300); do mkdir deep; ln -s \(outside) deep/out; cd deep; done
          """
        try await framework.accept(
          first,
          [
            MesosOffer.Operation(.reserve([Self.reserved("disk", 64)])),
            MesosOffer.Operation(.create([Self.volume()])),
            .launching([task("t", script, on: first, with: Self.volume())]),
          ])
        try await framework.wait("the task's end") { $0.tasks(in: .taskFinished) == ["t"] }
        let second = try await offer(to: framework, with: Self.volume())
        try await framework.accept(second, [MesosOffer.Operation(.destroy([Self.volume()])).named("op")])
        try await framework.wait("the end") { $0.operations["op"]?.state == .operationFinished }
        let volumes = "\(cluster.directory)/agent0/volumes"
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(volumes)/roles/a").isEmpty)
        try await eventually("it is deleted") {
          try FileManager.default.contentsOfDirectory(atPath: "\(volumes)/removed").isEmpty
        }
        #expect(try String(contentsOfFile: "\(outside)/file", encoding: .utf8) == "precious")
        try await framework.send(.teardown)
      }
    }

    @Test func resourcesMayBeGivenAsJSON() async throws {
      let json = """
        [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 2}},
         {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}, "role": "a"},
         {"name": "mem", "type": "SCALAR", "scalar": {"value": 512},
          "reservations": [{"type": "STATIC", "role": "a"}]},
         {"name": "cpus", "type": "SCALAR", "scalar": {"value": 5}, "revocable": {}},
         {"name": "disk", "type": "SCALAR", "scalar": {"value": 700},
          "disk": {"source": {"type": "PATH", "path": {"root": "disks/one"}}}}]
        """
      try await Cluster.run(agents: [json]) { cluster in
        let framework = TestFramework(cluster, role: "a")
        try await framework.subscribe()
        let offer = try await framework.offer(cpus: 3)
        let resources = try Resources(wire: offer.resources)
        #expect(resources.total(of: "cpus") == Quantity(3) && resources.total(of: "mem") == Quantity(512))
        #expect(resources.contains { $0.disk?.source?.root == "disks/one" })
        #expect(FileManager.default.fileExists(atPath: "\(cluster.directory)/agent0/disks/one"))
        try await framework.send(.teardown)
      }
    }
  }
}
