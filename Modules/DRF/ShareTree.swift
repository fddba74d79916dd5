import TepuiModule

/// The roles that have somebody who wants offers, as a tree whose nodes keep their children ordered by share.
///
/// Built once a cycle. A grant changes the shares on one path only, so only there nodes move: by binary search, among
/// their siblings.
struct ShareTree {
  private enum Subject {
    case role(Role)
    /// The claimants in a role itself, beside the roles below it: a child of the role like those, of normal weight.
    case own(Role)
    case claimant(Claimant)
  }

  private struct Node {
    let subject: Subject
    var share = 0.0
    var turns: UInt64
    /// Indexes of nodes, smallest share first.
    var children: [Int] = []
  }

  private let view: AllocationView
  private let kinds: [Kind]
  private var nodes: [Node] = []
  private var nodeOfRole: [Int?]
  /// A row for each role: what its own claimants have.
  private var ownAllocated: [Int64]

  init(_ view: AllocationView, _ turns: Turns) {
    self.view = view
    kinds = view.kinds
    nodeOfRole = Array(repeating: nil, count: view.roleCount)
    ownAllocated = Array(repeating: 0, count: view.roleCount * kinds.count)
    for claimant in (0..<UInt32(view.claimantCount)).map(Claimant.init(id:)) where view.framework(claimant) != nil {
      add(view.allocated(claimant), toOwn: view.role(claimant))
    }
    nodes.append(Node(subject: .role(.root), turns: 0))
    nodeOfRole[0] = 0
    var ownNodes: [Role: Int] = [:]
    for claimant in view.active {
      let role = view.role(claimant)
      let own = ownNodes[role] ?? insert(.own(role), turns: turns.ofRole[Int(role.id)], below: node(of: role, turns))
      ownNodes[role] = own
      _ = insert(.claimant(claimant), turns: turns.ofClaimant[Int(claimant.id)], below: own)
    }
    for index in nodes.indices { nodes[index].children.sort(by: precedes) }
  }

  /// Offers an agent to the first claimant, in order of shares, that may and does get it.
  mutating func place(_ agent: Agent, _ grants: Grants) -> Claimant? { place(agent, grants, below: 0) }

  private mutating func place(_ agent: Agent, _ grants: Grants, below parent: Int) -> Claimant? {
    for position in nodes[parent].children.indices {
      let child = nodes[parent].children[position]
      guard let claimant = offer(agent, grants, at: child) else { continue }
      nodes[child].turns += 1
      nodes[child].share = share(of: nodes[child].subject)
      moveBack(position, below: parent)
      return claimant
    }
    return nil
  }

  private mutating func offer(_ agent: Agent, _ grants: Grants, at node: Int) -> Claimant? {
    guard case .claimant(let claimant) = nodes[node].subject else { return place(agent, grants, below: node) }
    guard view.mayOffer(agent, to: claimant) else { return nil }
    let before = kinds.map { view.allocated(claimant)[$0] }
    guard grants.offer(agent, to: claimant) == .granted else { return nil }
    add(view.allocated(claimant), toOwn: view.role(claimant), minus: before)
    return claimant
  }

  /// A grant only ever enlarges a share: the node moves towards the end.
  private mutating func moveBack(_ position: Int, below parent: Int) {
    let moved = nodes[parent].children[position]
    var (low, high) = (position + 1, nodes[parent].children.count)
    while low < high {
      let middle = (low + high) / 2
      if precedes(nodes[parent].children[middle], moved) { low = middle + 1 } else { high = middle }
    }
    guard low > position + 1 else { return }
    nodes[parent].children.withUnsafeMutableBufferPointer { children in
      for index in position..<low - 1 { children[index] = children[index + 1] }
      children[low - 1] = moved
    }
  }

  private func precedes(_ left: Int, _ right: Int) -> Bool {
    if nodes[left].share != nodes[right].share { return nodes[left].share < nodes[right].share }
    if nodes[left].turns != nodes[right].turns { return nodes[left].turns < nodes[right].turns }
    return left < right
  }

  /// The node of a role, made with those above it if need be.
  private mutating func node(of role: Role, _ turns: Turns) -> Int {
    if let node = nodeOfRole[Int(role.id)] { return node }
    let parent = view.parent(role).map { node(of: $0, turns) } ?? 0
    let made = insert(.role(role), turns: turns.ofRole[Int(role.id)], below: parent)
    nodeOfRole[Int(role.id)] = made
    return made
  }

  private mutating func insert(_ subject: Subject, turns: UInt64, below parent: Int) -> Int {
    nodes.append(Node(subject: subject, share: share(of: subject), turns: turns))
    nodes[parent].children.append(nodes.count - 1)
    return nodes.count - 1
  }

  private func share(of subject: Subject) -> Double {
    switch subject {
    case .claimant(let claimant): dominantShare { view.allocated(claimant)[$0] }
    case .role(let role): dominantShare { view.allocated(role)[$0] } * 1000 / Double(max(1, view.weight(role)))
    case .own(let role): dominantShare { ownAllocated[Int(role.id) * kinds.count + Int($0.id)] }
    }
  }

  private func dominantShare(_ allocated: (Kind) -> Int64) -> Double {
    var share = 0.0
    for kind in kinds where view.countsForFairness(kind) && view.clusterTotal[kind] > 0 {
      share = max(share, Double(allocated(kind)) / Double(view.clusterTotal[kind]))
    }
    return share
  }

  private mutating func add(_ amounts: Amounts, toOwn role: Role, minus before: [Int64]? = nil) {
    for kind in kinds {
      ownAllocated[Int(role.id) * kinds.count + Int(kind.id)] += amounts[kind] - (before?[Int(kind.id)] ?? 0)
    }
  }
}
