/// Gives out the smallest numbers: a returned id is used again before a new one is made.
struct DenseIDs {
  private(set) var count: UInt32 = 0
  private var returned: [UInt32] = []

  mutating func take() -> UInt32 {
    if let id = returned.popLast() { return id }
    count += 1
    return count - 1
  }

  mutating func giveBack(_ id: UInt32) {
    returned.append(id)
  }
}
