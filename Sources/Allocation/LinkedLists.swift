/// A list of ids for each owner; each id is in one list at most. What is done to one member costs the same however long
/// its list.
final class LinkedLists {
  private let first = Column<UInt32>(initial: noID)
  private let next = Column<UInt32>(initial: noID)
  private let previous = Column<UInt32>(initial: noID)

  func isEmpty(_ owner: UInt32) -> Bool { owner >= first.count || first[owner] == noID }

  /// The latest first.
  subscript(owner: UInt32) -> [UInt32] {
    var ids: [UInt32] = []
    var id = owner < first.count ? first[owner] : noID
    while id != noID {
      ids.append(id)
      id = next[id]
    }
    return ids
  }

  func insert(_ id: UInt32, of owner: UInt32) {
    first.grow(to: Int(owner) + 1)
    next.grow(to: Int(id) + 1)
    previous.grow(to: Int(id) + 1)
    let second = first[owner]
    next[id] = second
    previous[id] = noID
    if second != noID { previous[second] = id }
    first[owner] = id
  }

  func remove(_ id: UInt32, of owner: UInt32) {
    let (before, after) = (previous[id], next[id])
    if after != noID { previous[after] = before }
    if before == noID { first[owner] = after } else { next[before] = after }
  }
}
