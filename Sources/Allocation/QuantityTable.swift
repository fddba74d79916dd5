import Resources

/// One row of thousandths per id, one column per kind of resource.
final class QuantityTable {
  private var cells = Column<Int64>(initial: 0)
  private(set) var rows = 0
  private(set) var kinds: Int

  init(kinds: Int) {
    self.kinds = kinds
  }

  var pointer: UnsafePointer<Int64> { cells.pointer }

  func row(_ id: UInt32) -> UnsafeMutablePointer<Int64> {
    assert(Int(id) < rows)
    return cells.base + Int(id) * kinds
  }

  func growRows(to count: Int) {
    rows = max(rows, count)
    cells.grow(to: rows * kinds)
  }

  func clear(_ id: UInt32) {
    row(id).update(repeating: 0, count: kinds)
  }

  /// Amounts saturate: what a module or a framework sent can never trap here.
  func add(_ amounts: UnsafePointer<Int64>, to id: UInt32) {
    let row = row(id)
    for kind in 0..<kinds {
      row[kind] = (Quantity(thousandths: row[kind]) + Quantity(thousandths: amounts[kind])).thousandths
    }
  }

  /// Never leaves less than nothing.
  func subtract(_ amounts: UnsafePointer<Int64>, from id: UInt32) {
    let row = row(id)
    for kind in 0..<kinds {
      row[kind] = max(0, (Quantity(thousandths: row[kind]) - Quantity(thousandths: amounts[kind])).thousandths)
    }
  }

  /// Makes room for a new kind in each row. Rare: it happens when an agent brings a resource that nobody had before.
  func widen(to newKinds: Int) {
    let wider = Column<Int64>(initial: 0)
    wider.grow(to: rows * newKinds)
    for row in 0..<rows {
      (wider.base + row * newKinds).update(from: cells.base + row * kinds, count: kinds)
    }
    cells = wider
    kinds = newKinds
  }
}

extension Int64 {
  /// The sum, or the nearest end.
  func plus(_ other: Int64) -> Int64 { (Quantity(thousandths: self) + Quantity(thousandths: other)).thousandths }
}
