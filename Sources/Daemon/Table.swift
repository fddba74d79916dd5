/// Rows of text under headings, each column as wide as its widest cell.
public struct Table {
  private let headings: [String]
  private var rows: [[String]] = []

  public init(_ headings: String...) {
    self.headings = headings
  }

  public init(headings: [String]) {
    self.headings = headings
  }

  public mutating func add(_ cells: String...) {
    rows.append(cells)
  }

  public mutating func add(cells: [String]) {
    rows.append(cells)
  }

  public var text: String {
    let widths = headings.indices.map { column in
      ([headings] + rows).map { $0[column].count }.max() ?? 0
    }
    return ([headings] + rows).map { row in
      let padded = zip(row, widths).map { cell, width in cell + String(repeating: " ", count: width - cell.count) }
      // The last column ends where its text ends.
      return padded.joined(separator: "  ").trimmingTrailingSpaces
    }.joined(separator: "\n") + "\n"
  }
}

extension String {
  fileprivate var trimmingTrailingSpaces: String {
    var text = self
    while text.last == " " { text.removeLast() }
    return text
  }
}
