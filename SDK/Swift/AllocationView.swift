import CTepui

/// A dense number that the host gives to something of the cluster.
public protocol Identifier: Hashable, Sendable {
  var id: UInt32 { get }
  init(id: UInt32)
}

public struct Agent: Identifier {
  public let id: UInt32
  @inlinable
  public init(id: UInt32) { self.id = id }
}

/// A framework asking in one of its roles.
public struct Claimant: Identifier {
  public let id: UInt32
  @inlinable
  public init(id: UInt32) { self.id = id }
}

public struct Framework: Identifier {
  public let id: UInt32
  @inlinable
  public init(id: UInt32) { self.id = id }
}

public struct Role: Identifier {
  public let id: UInt32
  @inlinable
  public init(id: UInt32) { self.id = id }

  /// Above all top-level roles.
  public static let root = Role(id: 0)
}

/// A kind of resource that is a number.
public struct Kind: Identifier {
  public let id: UInt32
  @inlinable
  public init(id: UInt32) { self.id = id }

  public static let cpus = Kind(id: 0)
  public static let mem = Kind(id: 1)
}

/// The cluster at the start of a cycle: the host's columns, read in place.
///
/// `free` and `allocated` are live: after a grant they show its effect. What is asked about an id that is not in use, or
/// that no table reaches, is zero. A view must not be kept after `allocate` returns.
public struct AllocationView {
  @usableFromInline let raw: UnsafePointer<tepui_allocation_view>

  public var cycle: UInt64 { raw.pointee.cycle }
  /// For whatever randomness the policy wants.
  public var seed: UInt64 { raw.pointee.seed }
  public var nowNs: Int64 { raw.pointee.now_ns }
  public var deadlineNs: Int64 { raw.pointee.deadline_ns }

  /// How many ids there are of each, in use or not.
  public var agentCount: Int { Int(raw.pointee.agents) }
  public var roleCount: Int { Int(raw.pointee.roles) }
  public var claimantCount: Int { Int(raw.pointee.claimants) }
  public var kinds: [Kind] { (0..<raw.pointee.kinds).map(Kind.init(id:)) }

  /// Agents that may be granted in this cycle, in an order free of bias.
  @inlinable
  public var candidates: IDs<Agent> { IDs(raw.pointee.candidates, raw.pointee.candidate_count) }
  /// Claimants that want offers, by id.
  @inlinable
  public var active: IDs<Claimant> { IDs(raw.pointee.active, raw.pointee.active_count) }
  /// Agents whose free or total amounts differ from the end of the last cycle.
  @inlinable
  public var changedAgents: IDs<Agent> { IDs(raw.pointee.changed_agents, raw.pointee.changed_agent_count) }

  /// Whether a kind counts towards fair shares.
  @inlinable
  public func countsForFairness(_ kind: Kind) -> Bool {
    kind.id < raw.pointee.kinds && raw.pointee.kind_flags[Int(kind.id)] & TEPUI_KIND_EXCLUDED_FROM_FAIRNESS == 0
  }

  /// All agents together.
  @inlinable
  public var clusterTotal: Amounts { Amounts(start: raw.pointee.cluster_total, count: Int(raw.pointee.kinds)) }

  @inlinable
  public func total(_ agent: Agent) -> Amounts { row(raw.pointee.agent_total, agent.id, raw.pointee.agents) }
  /// Live: neither used, nor offered, nor reserved.
  @inlinable
  public func free(_ agent: Agent) -> Amounts { row(raw.pointee.agent_free, agent.id, raw.pointee.agents) }
  /// Live, of candidates: who may have what is free beyond `free`, which goes along with a grant: resources that are
  /// reserved or no plain amounts. Claimants in this role and in the roles below it; nil when nobody may.
  @inlinable
  public func extraRole(_ agent: Agent) -> Role? {
    guard agent.id < raw.pointee.agents else { return nil }
    let role = raw.pointee.agent_extra_role[Int(agent.id)]
    return role < raw.pointee.roles ? Role(id: role) : nil
  }
  /// Whether anything is left on `agent`: a grant need not take all, for the host may cut it or keep a reservation back.
  @inlinable
  public func hasAny(_ agent: Agent) -> Bool { !free(agent).isEmpty || extraRole(agent) != nil }
  /// Whether `agent` has anything for `claimant`, be it only what is reserved for its role.
  @inlinable
  public func has(_ agent: Agent, for claimant: Claimant) -> Bool {
    if !free(agent).isEmpty { return true }
    guard let extra = extraRole(agent) else { return false }
    var role: Role? = self.role(claimant)
    // A host that tells of roles in a circle must not hold us up.
    for _ in 0..<roleCount {
      guard let current = role else { return false }
      if current == extra { return true }
      role = parent(current)
    }
    return false
  }
  /// Live: used or offered in the role and in all roles below it.
  @inlinable
  public func allocated(_ role: Role) -> Amounts { row(raw.pointee.role_allocated, role.id, raw.pointee.roles) }
  /// Live: used or offered.
  @inlinable
  public func allocated(_ claimant: Claimant) -> Amounts {
    row(raw.pointee.claimant_allocated, claimant.id, raw.pointee.claimants)
  }

  /// Nil for the root.
  @inlinable
  public func parent(_ role: Role) -> Role? {
    guard role.id < raw.pointee.roles, raw.pointee.role_parent[Int(role.id)] < raw.pointee.roles else { return nil }
    return Role(id: raw.pointee.role_parent[Int(role.id)])
  }

  /// In thousandths: 1000 is the normal weight.
  @inlinable
  public func weight(_ role: Role) -> Int64 { role.id < raw.pointee.roles ? raw.pointee.role_weight[Int(role.id)] : 0 }

  /// Nil when the id is not in use.
  @inlinable
  public func framework(_ claimant: Claimant) -> Framework? {
    guard claimant.id < raw.pointee.claimants else { return nil }
    let framework = raw.pointee.claimant_framework[Int(claimant.id)]
    return framework == UInt32.max ? nil : Framework(id: framework)
  }

  @inlinable
  public func role(_ claimant: Claimant) -> Role {
    Role(id: claimant.id < raw.pointee.claimants ? raw.pointee.claimant_role[Int(claimant.id)] : 0)
  }

  /// Whether the host would let `claimant` have something of `agent`.
  @inlinable
  public func mayOffer(_ agent: Agent, to claimant: Claimant) -> Bool {
    guard agent.id < raw.pointee.agents, claimant.id < raw.pointee.claimants else { return false }
    guard let blocked = raw.pointee.claimant_blocked[Int(claimant.id)] else { return true }
    return blocked[Int(agent.id / 64)] >> UInt64(agent.id % 64) & 1 == 0
  }

  public func name(_ kind: Kind) -> String { name(TEPUI_NAME_KIND, kind.id) }
  public func name(_ agent: Agent) -> String { name(TEPUI_NAME_AGENT, agent.id) }
  public func name(_ framework: Framework) -> String { name(TEPUI_NAME_FRAMEWORK, framework.id) }
  public func name(_ role: Role) -> String { name(TEPUI_NAME_ROLE, role.id) }

  private func name(_ what: Int32, _ id: UInt32) -> String {
    raw.pointee.name.map { String($0(raw.pointee.context, UInt32(what), id)) } ?? ""
  }

  @inlinable
  func row(_ table: UnsafePointer<Int64>, _ id: UInt32, _ rows: UInt32) -> Amounts {
    guard id < rows else { return Amounts(start: table, count: 0) }
    return Amounts(start: table + Int(id) * Int(raw.pointee.kinds), count: Int(raw.pointee.kinds))
  }
}

/// A list of ids.
public struct IDs<ID: Identifier>: RandomAccessCollection {
  @usableFromInline let ids: UnsafeBufferPointer<UInt32>

  @inlinable
  init(_ start: UnsafePointer<UInt32>?, _ count: UInt32) {
    ids = UnsafeBufferPointer(start: start, count: start == nil ? 0 : Int(count))
  }

  @inlinable
  public var startIndex: Int { 0 }
  @inlinable
  public var endIndex: Int { ids.count }
  @inlinable
  public subscript(index: Int) -> ID { ID(id: ids[index]) }
}

/// A row of quantities, one for each kind, in thousandths of the kind's unit.
public struct Amounts {
  @usableFromInline let start: UnsafePointer<Int64>
  public let count: Int

  @inlinable
  init(start: UnsafePointer<Int64>, count: Int) {
    self.start = start
    self.count = count
  }

  /// Zero for a kind that the row does not have.
  @inlinable
  public subscript(kind: Kind) -> Int64 {
    kind.id < UInt32(truncatingIfNeeded: count) ? start[Int(kind.id)] : 0
  }

  @inlinable
  public var cpus: Int64 { self[.cpus] }
  @inlinable
  public var mem: Int64 { self[.mem] }

  /// Whether there is nothing of any kind.
  @inlinable
  public var isEmpty: Bool {
    for index in 0..<count where start[index] > 0 { return false }
    return true
  }
}
