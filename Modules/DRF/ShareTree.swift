import TepuiModule

/// The roles that have somebody who wants offers, as a tree whose nodes keep their children ordered: who is next is
/// first.
///
/// Made once a cycle, in flat arrays. A grant changes the shares on one path only, so only there nodes move: by binary
/// search, among their siblings. And each node has a cursor: of the children before it nobody can have more of the
/// agent at hand. So it costs one look at each claimant at most to place an agent, in however many pieces it goes, and
/// usually a look at the first.
struct ShareTree {
  private enum Subject {
    case role(Role)
    /// The claimants in a role itself, beside the roles below it: a child of the role like those, of normal weight.
    case own(Role)
    case claimant(Claimant)
  }

  private struct Node {
    let subject: Subject
    /// Of the root itself: the root.
    let parent: Int
    var share: Double
    var served: UInt64
    /// The children: `order[first..<first + count]`. A claimant counts as its own only child, which is not in `order`.
    var first = 0
    var count = 0
    /// How many of the children are done with the agent of this number.
    var cursor = 0
    var agentNumber = 0

    var isDone: Bool { cursor >= count }
  }

  private static let root = 0
  private let view: AllocationView
  /// The kinds that count, and what the cluster has of them.
  private let kinds: [(kind: Kind, total: Double)]
  private var nodes: [Node] = []
  private var nodeOfRole: [Int?]
  private var order: [Int] = []
  /// A row of `kinds` for each role: what its own claimants have.
  private var ownAllocated: [Double]

  private var agent = Agent(id: 0)
  private var agentNumber = 0
  /// The node of the claimant that was last named, and what the claimant had then.
  private var current = Self.root
  private var before: [Double]

  init(_ view: AllocationView, _ history: History) {
    self.view = view
    kinds = view.kinds.filter { view.countsForFairness($0) && view.clusterTotal[$0] > 0 }
      .map { ($0, Double(view.clusterTotal[$0])) }
    before = Array(repeating: 0, count: kinds.count)
    ownAllocated = Array(repeating: 0, count: view.roleCount * kinds.count)
    nodeOfRole = Array(repeating: nil, count: view.roleCount)
    for id in 0..<UInt32(view.claimantCount) { countAsOwn(Claimant(id: id)) }
    grow(history)
    arrange()
  }

  // MARK: Placing an agent

  /// Turns to an agent: everybody may be asked again.
  mutating func begin(_ agent: Agent) {
    self.agent = agent
    agentNumber += 1
  }

  /// The claimant in a role or below it that should have the agent first, of those that may have it and were not
  /// refused; nil if there is none. `refused` or `granted` must follow.
  mutating func next(in role: Role?) -> Claimant? {
    guard let role, role.id < UInt32(nodeOfRole.count), let top = nodeOfRole[Int(role.id)] else { return nil }
    var node = top
    while true {
      open(node)
      if nodes[node].isDone {
        if node == top { return nil }
        node = nodes[node].parent
        nodes[node].cursor += 1
      } else if case .claimant(let claimant) = nodes[node].subject {
        if view.mayOffer(agent, to: claimant) {
          current = node
          for index in kinds.indices { before[index] = Double(view.allocated(claimant)[kinds[index].kind]) }
          return claimant
        }
        nodes[node].cursor += 1
      } else {
        node = order[nodes[node].first + nodes[node].cursor]
      }
    }
  }

  /// The claimant last named can have nothing of the agent.
  mutating func refused() {
    nodes[current].cursor += 1
  }

  /// The claimant last named got something.
  mutating func granted(at moment: UInt64, wantsMore: Bool) {
    if !wantsMore { nodes[current].cursor += 1 }
    if case .claimant(let claimant) = nodes[current].subject {
      for index in kinds.indices { ownAllocated[row(of: view.role(claimant)) + index] -= before[index] }
      countAsOwn(claimant)
    }
    var node = current
    while node != Self.root {
      nodes[node].share = share(of: nodes[node].subject)
      nodes[node].served = moment
      moveBack(node)
      node = nodes[node].parent
    }
  }

  private mutating func open(_ node: Int) {
    guard nodes[node].agentNumber != agentNumber else { return }
    nodes[node].agentNumber = agentNumber
    nodes[node].cursor = 0
  }

  // MARK: Order

  /// A grant only ever enlarges a share: the node moves towards the end.
  private mutating func moveBack(_ node: Int) {
    let parent = nodes[nodes[node].parent]
    let position = position(of: node, in: parent)
    var (low, high) = (position + 1, parent.first + parent.count)
    while low < high {
      let middle = (low + high) / 2
      if Self.precedes(order[middle], node, nodes) { low = middle + 1 } else { high = middle }
    }
    order.withUnsafeMutableBufferPointer { order in
      guard let place = order.baseAddress.map({ $0 + position }) else { return }
      place.update(from: place + 1, count: low - 1 - position)
      order[low - 1] = node
    }
  }

  /// The parent's cursor points to the node, unless the way down began below the parent.
  private func position(of node: Int, in parent: Node) -> Int {
    let position = parent.first + parent.cursor
    if !parent.isDone && order[position] == node { return position }
    return order[parent.first..<parent.first + parent.count].firstIndex(of: node) ?? position
  }

  private static func precedes(_ left: Int, _ right: Int, _ nodes: [Node]) -> Bool {
    if nodes[left].share != nodes[right].share { return nodes[left].share < nodes[right].share }
    if nodes[left].served != nodes[right].served { return nodes[left].served < nodes[right].served }
    return left < right
  }

  // MARK: Shares

  private func share(of subject: Subject) -> Double {
    var share = 0.0
    switch subject {
    case .claimant(let claimant):
      for (kind, total) in kinds { share = max(share, Double(view.allocated(claimant)[kind]) / total) }
    case .role(let role):
      for (kind, total) in kinds { share = max(share, Double(view.allocated(role)[kind]) / total) }
      share = share * 1000 / Double(max(1, view.weight(role)))
    case .own(let role):
      for index in kinds.indices { share = max(share, ownAllocated[row(of: role) + index] / kinds[index].total) }
    }
    return share
  }

  private func row(of role: Role) -> Int { Int(role.id) * kinds.count }

  private mutating func countAsOwn(_ claimant: Claimant) {
    guard isKnown(claimant) else { return }
    let row = row(of: view.role(claimant))
    for index in kinds.indices { ownAllocated[row + index] += Double(view.allocated(claimant)[kinds[index].kind]) }
  }

  private func isKnown(_ claimant: Claimant) -> Bool {
    view.framework(claimant) != nil && view.role(claimant).id < UInt32(view.roleCount)
  }
}

// MARK: - Growing the tree

extension ShareTree {
  /// Adds a node for each active claimant and for the roles above it; a parent always comes before its children.
  private mutating func grow(_ history: History) {
    var nodeOfOwn = nodeOfRole
    nodes.reserveCapacity(2 * view.active.count + 1)
    nodes.append(Node(subject: .role(.root), parent: Self.root, share: 0, served: 0))
    if !nodeOfRole.isEmpty { nodeOfRole[0] = Self.root }
    for claimant in view.active where isKnown(claimant) {
      let role = view.role(claimant)
      let id = Int(role.id)
      let own = nodeOfOwn[id] ?? add(.own(role), below: node(of: role))
      nodeOfOwn[id] = own
      let node = add(.claimant(claimant), below: own)
      nodes[node].served = history[claimant]
      nodes[node].count = 1
    }
  }

  /// The node of a role, made with those above it if need be. Roles may be nested deeply, so this does not recurse.
  private mutating func node(of role: Role) -> Int {
    var path: [Role] = []
    var above: Role? = role
    while let role = above, nodeOfRole[Int(role.id)] == nil, path.count < view.roleCount {
      path.append(role)
      above = view.parent(role)
    }
    var node = above.flatMap { nodeOfRole[Int($0.id)] } ?? Self.root
    for role in path.reversed() {
      node = add(.role(role), below: node)
      nodeOfRole[Int(role.id)] = node
    }
    return node
  }

  private mutating func add(_ subject: Subject, below parent: Int) -> Int {
    nodes.append(Node(subject: subject, parent: parent, share: share(of: subject), served: 0))
    nodes[parent].count += 1
    return nodes.count - 1
  }

  /// Gives each node its part of `order`, sorted.
  private mutating func arrange() {
    var start = 0
    for index in nodes.indices {
      guard case .claimant = nodes[index].subject else {
        nodes[index].first = start
        start += nodes[index].count
        continue
      }
    }
    order = Array(repeating: 0, count: start)
    for index in nodes.indices.dropFirst() {
      let parent = nodes[index].parent
      order[nodes[parent].first + nodes[parent].cursor] = index
      nodes[parent].cursor += 1
    }
    // A role was served when somebody in it was. Children come after their parents, so this goes up the tree.
    for index in nodes.indices.dropFirst().reversed() {
      let parent = nodes[index].parent
      nodes[parent].served = max(nodes[parent].served, nodes[index].served)
    }
    let nodes = nodes
    order.withUnsafeMutableBufferPointer { order in
      for node in nodes where node.count > 1 {
        var children = UnsafeMutableBufferPointer(rebasing: order[node.first..<node.first + node.count])
        children.sort { Self.precedes($0, $1, nodes) }
      }
    }
  }
}

// MARK: - Explaining

extension ShareTree {
  struct Standing {
    /// Claimants to which an agent that all may have would go earlier.
    var before = 0
    var share: Double
    var kind: Kind?
    var roleShare: Double
    var lowestOther: Double?
  }

  /// Where an active claimant stands before the first grant of a cycle.
  func standing(of claimant: Claimant) -> Standing? {
    var members = Array(repeating: 0, count: nodes.count)
    var own: Int?
    var lowestOther: Double?
    for index in nodes.indices {
      guard case .claimant(let other) = nodes[index].subject else { continue }
      members[index] = 1
      if other == claimant {
        own = index
      } else {
        lowestOther = min(lowestOther ?? .infinity, nodes[index].share)
      }
    }
    guard let own else { return nil }
    // Children come after their parents, so this goes up the tree.
    for index in nodes.indices.dropFirst().reversed() { members[nodes[index].parent] += members[index] }
    var standing = Standing(
      share: nodes[own].share, kind: dominantKind(of: claimant), roleShare: share(of: .role(view.role(claimant))),
      lowestOther: lowestOther)
    var node = own
    while node != Self.root {
      let parent = nodes[nodes[node].parent]
      for sibling in order[parent.first..<parent.first + parent.count] {
        if sibling == node { break }
        standing.before += members[sibling]
      }
      node = nodes[node].parent
    }
    return standing
  }

  private func dominantKind(of claimant: Claimant) -> Kind? {
    let shares = kinds.map { (kind: $0.kind, share: Double(view.allocated(claimant)[$0.kind]) / $0.total) }
    return shares.max { $0.share < $1.share }.flatMap { $0.share > 0 ? $0.kind : nil }
  }
}
