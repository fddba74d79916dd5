import Daemon
import ModuleKit

/// Tables for people: one for each figure, a column for each module.
struct BenchReport {
  private let points: [BenchPoint]

  init(_ points: [BenchPoint]) { self.points = points }

  var text: String {
    var text = ""
    for (title, value) in Self.figures {
      text += "\(title)\n"
      var table = Table(headings: ["  AGENTS", "FRAMEWORKS"] + modules)
      for size in sizes {
        table.add(
          cells: ["  \(size.agents)", "\(size.frameworks)"]
            + modules.map { module in
              point(module, size)?.figures.map { Self.text(value($0)) } ?? "failed"
            })
      }
      text += table.text + "\n"
    }
    for point in points {
      let size = "\(point.module), \(point.agents) × \(point.frameworks)"
      if let failure = point.failure { text += "\(size): \(failure)\n" }
      if let granted = point.figures?.grantedAgents, granted < point.agents {
        text += "\(size): of \(point.agents) free agents it offered \(granted) in the first cycle\n"
      }
    }
    return text
  }

  private static var figures: [(String, (PolicyFigures) -> Double)] {
    [
      ("All agents are free: ms of processor time for the cycle", { $0.firstMs }),
      ("1 % of the agents have changed: ms", { $0.changedMs }),
      ("All offers were declined, with a filter each: ms", { $0.declinedMs }),
      ("Memory that the module holds: MB", { Double($0.memoryBytes) / 1_048_576 }),
    ]
  }

  private var modules: [String] {
    points.reduce(into: []) { names, point in if !names.contains(point.module) { names.append(point.module) } }
  }

  private var sizes: [(agents: Int, frameworks: Int)] {
    points.filter { $0.module == points.first?.module }.map { ($0.agents, $0.frameworks) }
  }

  private func point(_ module: String, _ size: (agents: Int, frameworks: Int)) -> BenchPoint? {
    points.first { $0.module == module && $0.agents == size.agents && $0.frameworks == size.frameworks }
  }

  /// Two significant decimals are all that such a figure is good for.
  private static func text(_ value: Double) -> String {
    let scale: Double = value < 1 ? 1000 : value < 100 ? 10 : 1
    let rounded = (value * scale).rounded() / scale
    return rounded == rounded.rounded() && rounded >= 100 ? "\(Int(rounded))" : "\(rounded)"
  }
}
