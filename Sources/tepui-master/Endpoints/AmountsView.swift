import Resources

/// Resources as the endpoints for people sum them up (protocol fact 144): cpus, gpus, mem and disk are always there,
/// ranges and sets are text, revocable resources have a name of their own.
struct AmountsView: Encodable {
  private let resources: Resources

  init(_ resources: Resources) {
    self.resources = resources
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: AnyKey.self)
    var scalars: [String: Quantity] = ["cpus": .zero, "gpus": .zero, "mem": .zero, "disk": .zero]
    for resource in resources.elements {
      let name = resource.isRevocable ? "\(resource.name)_revocable" : resource.name
      switch resource.value {
      case .scalar(let quantity): scalars[name, default: .zero] += quantity
      case .ranges: try container.encode(resources.ranges(of: resource.name).description, forKey: AnyKey(name))
      case .set: try container.encode(items(of: resource.name), forKey: AnyKey(name))
      }
    }
    for (name, quantity) in scalars { try container.encode(quantity.units, forKey: AnyKey(name)) }
  }

  private func items(of name: String) -> String {
    var all: Set<String> = []
    for resource in resources.elements where resource.name == name {
      if case .set(let items) = resource.value { all.formUnion(items) }
    }
    return "{\(all.sorted().joined(separator: ", "))}"
  }
}

/// A key that is data: the name of a resource, a role, a metric.
struct AnyKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }

  init(_ name: String) { stringValue = name }
  init?(stringValue: String) { self.init(stringValue) }
  init?(intValue: Int) { nil }
}
