import CTepui

/// A dense number that the host gives to something of the cluster.
public protocol Identifier: Hashable, Sendable {
  var id: UInt32 { get }
  init(id: UInt32)
}

public struct Agent: Identifier {
  public let id: UInt32
  public init(id: UInt32) { self.id = id }
}

/// A framework asking in one of its roles.
public struct Claimant: Identifier {
  public let id: UInt32
  public init(id: UInt32) { self.id = id }
}

public struct Framework: Identifier {
  public let id: UInt32
  public init(id: UInt32) { self.id = id }
}

public struct Role: Identifier {
  public let id: UInt32
  public init(id: UInt32) { self.id = id }

  /// Above all top-level roles.
  public static let root = Role(id: 0)
}

/// A kind of resource that is a number.
public struct Kind: Identifier {
  public let id: UInt32
  public init(id: UInt32) { self.id = id }

  public static let cpus = Kind(id: 0)
  public static let mem = Kind(id: 1)
}

/// The cluster at the start of a cycle: the host's columns, read in place.
///
/// `free` and `allocated` are live: after a grant they show its effect. What is asked about an id that is not in use, or
/// that no table reaches, is zero. A view must not be kept after `allocate` returns.
public struct AllocationView {
  let raw: UnsafePointer<tepui_allocation_view>
  private var view: tepui_allocation_view { @inline(__always) get { raw.pointee } }

  public var cycle: UInt64 { view.cycle }
  /// For whatever randomness the policy wants.
  public var seed: UInt64 { view.seed }
  public var nowNs: Int64 { view.now_ns }
  public var deadlineNs: Int64 { view.deadline_ns }

  /// How many ids there are of each, in use or not.
  public var agentCount: Int { Int(view.agents) }
  public var roleCount: Int { Int(view.roles) }
  public var claimantCount: Int { Int(view.claimants) }
  public var kinds: [Kind] { (0..<view.kinds).map(Kind.init(id:)) }

  /// Agents that may be granted in this cycle, in an order free of bias.
  public var candidates: IDs<Agent> { IDs(view.candidates, view.candidate_count) }
  /// Claimants that want offers, by id.
  public var active: IDs<Claimant> { IDs(view.active, view.active_count) }
  /// Agents whose free or total amounts differ from the end of the last cycle.
  public var changedAgents: IDs<Agent> { IDs(view.changed_agents, view.changed_agent_count) }

  /// Whether a kind counts towards fair shares.
  public func countsForFairness(_ kind: Kind) -> Bool {
    kind.id < view.kinds && view.kind_flags[Int(kind.id)] & TEPUI_KIND_EXCLUDED_FROM_FAIRNESS == 0
  }

  /// All agents together.
  public var clusterTotal: Amounts { Amounts(start: view.cluster_total, count: Int(view.kinds)) }

  public func total(_ agent: Agent) -> Amounts { row(view.agent_total, agent.id, view.agents) }
  /// Live: neither used, nor offered, nor reserved.
  public func free(_ agent: Agent) -> Amounts { row(view.agent_free, agent.id, view.agents) }
  /// Live: used or offered in the role and in all roles below it.
  public func allocated(_ role: Role) -> Amounts { row(view.role_allocated, role.id, view.roles) }
  /// Live: used or offered.
  public func allocated(_ claimant: Claimant) -> Amounts { row(view.claimant_allocated, claimant.id, view.claimants) }

  /// Nil for the root.
  public func parent(_ role: Role) -> Role? {
    guard role.id < view.roles, view.role_parent[Int(role.id)] < view.roles else { return nil }
    return Role(id: view.role_parent[Int(role.id)])
  }

  /// In thousandths: 1000 is the normal weight.
  public func weight(_ role: Role) -> Int64 { role.id < view.roles ? view.role_weight[Int(role.id)] : 0 }

  /// Nil when the id is not in use.
  public func framework(_ claimant: Claimant) -> Framework? {
    guard claimant.id < view.claimants else { return nil }
    let framework = view.claimant_framework[Int(claimant.id)]
    return framework == UInt32.max ? nil : Framework(id: framework)
  }

  public func role(_ claimant: Claimant) -> Role {
    Role(id: claimant.id < view.claimants ? view.claimant_role[Int(claimant.id)] : 0)
  }

  /// Whether the host would let `claimant` have something of `agent`.
  public func mayOffer(_ agent: Agent, to claimant: Claimant) -> Bool {
    guard agent.id < view.agents, claimant.id < view.claimants else { return false }
    guard let blocked = view.claimant_blocked[Int(claimant.id)] else { return true }
    return blocked[Int(agent.id / 64)] >> UInt64(agent.id % 64) & 1 == 0
  }

  public func name(_ kind: Kind) -> String { name(TEPUI_NAME_KIND, kind.id) }
  public func name(_ agent: Agent) -> String { name(TEPUI_NAME_AGENT, agent.id) }
  public func name(_ framework: Framework) -> String { name(TEPUI_NAME_FRAMEWORK, framework.id) }
  public func name(_ role: Role) -> String { name(TEPUI_NAME_ROLE, role.id) }

  private func name(_ what: Int32, _ id: UInt32) -> String {
    view.name.map { String($0(view.context, UInt32(what), id)) } ?? ""
  }

  @inline(__always)
  private func row(_ table: UnsafePointer<Int64>, _ id: UInt32, _ rows: UInt32) -> Amounts {
    guard id < rows else { return Amounts(start: table, count: 0) }
    return Amounts(start: table + Int(id) * Int(view.kinds), count: Int(view.kinds))
  }
}

/// A list of ids.
public struct IDs<ID: Identifier>: RandomAccessCollection {
  private let ids: UnsafeBufferPointer<UInt32>

  init(_ start: UnsafePointer<UInt32>?, _ count: UInt32) {
    ids = UnsafeBufferPointer(start: start, count: start == nil ? 0 : Int(count))
  }

  public var startIndex: Int { 0 }
  public var endIndex: Int { ids.count }
  public subscript(index: Int) -> ID { ID(id: ids[index]) }
}

/// A row of quantities, one for each kind, in thousandths of the kind's unit.
public struct Amounts {
  let start: UnsafePointer<Int64>
  public let count: Int

  /// Zero for a kind that the row does not have.
  public subscript(kind: Kind) -> Int64 {
    @inline(__always) get { kind.id < UInt32(truncatingIfNeeded: count) ? start[Int(kind.id)] : 0 }
  }

  public var cpus: Int64 { self[.cpus] }
  public var mem: Int64 { self[.mem] }

  /// Whether there is nothing of any kind.
  public var isEmpty: Bool {
    for index in 0..<count where start[index] > 0 { return false }
    return true
  }
}
