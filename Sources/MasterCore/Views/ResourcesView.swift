import Resources
import Wire

extension JSONWriter {
  /// Names with amounts: `{"cpus": 4.0, "mem": 64.0, "disk": 0.0, "gpus": 0.0, "ports": "[31000-32000]"}`
  /// (protocol fact 144).
  mutating func summary(_ name: StaticString, _ resources: Resources) {
    self.name(name)
    summary(resources)
  }

  mutating func summary(_ resources: Resources) {
    var disk = Quantity.zero
    var mem = Quantity.zero
    var gpus = Quantity.zero
    var cpus = Quantity.zero
    var hasOthers = false
    // Not by copies of whole resources: this is done for every task.
    resources.elements.withUnsafeBufferPointer { elements in
      for index in elements.indices {
        guard !elements[index].isRevocable, case .scalar(let quantity) = elements[index].value else {
          hasOthers = true
          continue
        }
        switch elements[index].name {
        case "cpus": cpus += quantity
        case "mem": mem += quantity
        case "disk": disk += quantity
        case "gpus": gpus += quantity
        default: hasOthers = true
        }
      }
    }
    object { json in
      json.member("disk", disk)
      json.member("mem", mem)
      json.member("gpus", gpus)
      json.member("cpus", cpus)
      guard hasOthers else { return }
      var seen: [String] = []
      for resource in resources where !resource.isInEverySummary {
        let name = resource.nameInSummary
        if seen.contains(name) { continue }
        seen.append(name)
        json.name(name)
        json.sum(of: resources.filter { !$0.isInEverySummary && $0.nameInSummary == name })
      }
    }
  }

  private mutating func member(_ name: StaticString, _ quantity: Quantity) {
    self.name(name)
    value(thousandths: quantity.thousandths)
  }

  /// Of resources with one name.
  private mutating func sum(of resources: Resources) {
    var total = Quantity.zero
    var ranges = Ranges()
    var items: Set<String> = []
    for resource in resources {
      switch resource.value {
      case .scalar(let quantity): total += quantity
      case .ranges(let own): ranges = ranges + own
      case .set(let own): items.formUnion(own)
      }
    }
    if !ranges.isEmpty {
      value(ranges.description)
    } else if !items.isEmpty {
      value(Value.set(items).description)
    } else {
      value(thousandths: total.thousandths)
    }
  }

  /// `{role: summary}` for each role that something is reserved for.
  mutating func reserved(_ name: StaticString, _ resources: Resources) {
    byRole(name, resources) { $0.summary($1) }
  }

  mutating func reservedFull(_ name: StaticString, _ resources: Resources) {
    byRole(name, resources) { $0.full($1) }
  }

  private mutating func byRole(
    _ name: StaticString, _ resources: Resources, _ write: (inout JSONWriter, Resources) -> Void
  ) {
    object(name) { json in
      for role in Set(resources.compactMap(\.reservationRole)).sorted() {
        json.name(role)
        write(&json, resources.reserved(for: role))
      }
    }
  }

  /// In the format of endpoints (protocol fact 141).
  mutating func full(_ resources: Resources) {
    list(resources) { json, resource in ResourcesView.full(resource).write(to: &json) }
  }

  mutating func full(_ name: StaticString, _ resources: Resources) {
    self.name(name)
    full(resources)
  }
}

extension Resource {
  fileprivate var nameInSummary: String { isRevocable ? "\(name)_revocable" : name }

  fileprivate var isInEverySummary: Bool {
    guard !isRevocable, case .scalar = value else { return false }
    return name == "cpus" || name == "mem" || name == "disk" || name == "gpus"
  }
}

enum ResourcesView {
  static func full(_ resource: Resource) -> ViewValue {
    let only = resource.reservations.count == 1 ? resource.reservations.first : nil
    var view: ViewValue = [
      "name": .text(resource.name),
      "role": resource.reservations.count > 1 ? .absent : .text(only?.role ?? Role.star),
      "reservation": only?.kind == .dynamic ? full(only, includesRole: false) : .absent,
      "reservations": resource.reservations.isEmpty
        ? .absent : .list(resource.reservations.map { full($0, includesRole: true) }),
      "allocation_info": resource.allocationRole.map { ["role": .text($0)] } ?? .absent,
      "revocable": resource.isRevocable ? [:] : .absent, "shared": resource.isShared ? [:] : .absent,
      "disk": resource.disk.map(full) ?? .absent,
    ]
    switch resource.value {
    case .scalar(let quantity):
      view = view.adding(["type": "SCALAR", "scalar": ["value": .number(quantity.units)]])
    case .ranges(let ranges):
      let intervals = ranges.intervals.map { interval -> ViewValue in
        ["begin": .integer(Int(clamping: interval.lowerBound)), "end": .integer(Int(clamping: interval.upperBound))]
      }
      view = view.adding(["type": "RANGES", "ranges": ["range": .list(intervals)]])
    case .set(let items):
      view = view.adding(["type": "SET", "set": ["item": .list(items.sorted().map { .text($0) })]])
    }
    return view
  }

  private static func full(_ reservation: Reservation?, includesRole: Bool) -> ViewValue {
    guard let reservation else { return .absent }
    return [
      "type": includesRole ? .text(reservation.kind == .static ? "STATIC" : "DYNAMIC") : .absent,
      "role": includesRole ? .text(reservation.role) : .absent, "principal": .of(reservation.principal),
      "labels": full(reservation.labels),
    ]
  }
}
