import Resources
import Wire

/// What a framework keeps for itself: it reserves, makes volumes and undoes both at random.
final class OperationsNode {
  private let world: World
  private let reservation: Reservation
  private let role: String
  private let name: String
  private let isActive: Bool
  private var count = 0
  private(set) var ends: [String: MesosOperationState] = [:]

  init(_ world: World, role: String, name: String, isActive: Bool) {
    self.world = world
    self.role = role
    self.name = name
    self.isActive = isActive
    reservation = Reservation(.dynamic, role: role)
  }

  /// Operations on an offer. Leaves in `resources` what is nobody's and stays so.
  func make(on resources: inout Resources, undoing: Bool) -> [MesosOffer.Operation] {
    let kept = resources.reserved
    resources = resources.unreserved
    guard isActive else { return [] }
    if !kept.isEmpty {
      guard undoing || world.happens(40) else { return [] }
      let volumes = Array(kept.persistentVolumes)
      let plain = kept.filter { !$0.isPersistentVolume } + Resources(volumes.map(\.withoutVolume))
      let destroy = volumes.isEmpty ? [] : [named(.destroy(volumes))]
      return destroy + [named(.unreserve(Array(plain)))]
    }
    guard !undoing, world.happens(10) else { return [] }
    var wanted = Resources(.scalar("cpus", 0.5)) + Resources(.scalar("disk", 10))
    wanted = wanted.allocated(to: role)
    guard resources.contains(wanted) else { return [] }
    resources -= wanted
    let reserved = wanted.map { resource in
      var resource = resource
      resource.reservations = [reservation]
      return resource
    }
    guard var volume = reserved.last, world.happens(60) else { return [named(.reserve(reserved))] }
    count += 1
    volume.disk = Disk(persistence: .init(id: "\(name)-v\(count)"), volume: .init(containerPath: "data"))
    return [named(.reserve(reserved)), named(.create([volume]))]
  }

  private func named(_ operation: ResourceOperation) -> MesosOffer.Operation {
    var message = MesosOffer.Operation(operation)
    if world.happens(50) {
      count += 1
      message.id.value = "\(name)-op\(count)"
    }
    return message
  }

  /// What is wrong with a status, if anything: an operation ends in one way only.
  func note(_ status: MesosOperationStatus) -> String? {
    let id = status.operationID.value
    world.note("\(name) \(id) \(status.state) \(status.message)")
    guard status.state.isTerminal else { return nil }
    guard let before = ends.updateValue(status.state, forKey: id), before != status.state else { return nil }
    return "was told \(before) and then \(status.state) of operation \(id)"
  }
}
