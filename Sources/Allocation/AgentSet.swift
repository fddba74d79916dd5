/// A set of agents as bits: going through it costs a look at each word of 64 and at each member.
struct AgentSet {
  private(set) var words: [UInt64] = []
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  func contains(_ agent: UInt32) -> Bool {
    let word = Int(agent / 64)
    return word < words.count && words[word] >> UInt64(agent % 64) & 1 == 1
  }

  /// Whether the agent was not in it.
  @discardableResult
  mutating func insert(_ agent: UInt32) -> Bool {
    guard !contains(agent) else { return false }
    let word = Int(agent / 64)
    while words.count <= word { words.append(0) }
    words[word] |= 1 << UInt64(agent % 64)
    count += 1
    return true
  }

  /// Whether the agent was in it.
  @discardableResult
  mutating func remove(_ agent: UInt32) -> Bool {
    guard contains(agent) else { return false }
    words[Int(agent / 64)] &= ~(1 << UInt64(agent % 64))
    count -= 1
    return true
  }

  /// Ascending.
  var members: [UInt32] {
    var members: [UInt32] = []
    members.reserveCapacity(count)
    for index in words.indices { words[index].forEachBit { members.append(UInt32(index * 64) + $0) } }
    return members
  }
}

extension UInt64 {
  /// Calls `body` with the number of each bit that is set, the lowest first.
  func forEachBit(_ body: (UInt32) -> Void) {
    var rest = self
    while rest != 0 {
      body(UInt32(rest.trailingZeroBitCount))
      rest &= rest - 1
    }
  }
}

/// Agents marked for something: a list without repetitions that is cheap to empty.
struct AgentMarks {
  private(set) var list: [UInt32] = []
  private var isMarked: [Bool] = []

  var isEmpty: Bool { list.isEmpty }

  func contains(_ agent: UInt32) -> Bool { agent < isMarked.count && isMarked[Int(agent)] }

  mutating func insert(_ agent: UInt32) {
    while isMarked.count <= Int(agent) { isMarked.append(false) }
    guard !isMarked[Int(agent)] else { return }
    isMarked[Int(agent)] = true
    list.append(agent)
  }

  mutating func removeAll() {
    for agent in list { isMarked[Int(agent)] = false }
    list.removeAll(keepingCapacity: true)
  }
}
