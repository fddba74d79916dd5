import Glibc
import ModuleKit

/// What was measured as a picture: a panel for each number of frameworks, time above and memory below, a line for each
/// module, both axes logarithmic.
struct BenchPlot {
  private let points: [BenchPoint]
  private let modules: [String]
  private let frameworks: [Int]
  private let agents: [Int]

  private static let panel = (width: 300.0, height: 210.0)
  private static let margin = (left: 64.0, top: 78.0, gap: 44.0, bottom: 46.0)
  /// Told apart by whoever sees few colours as well, and by the marks in any case.
  private static let colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#444444"]

  init(_ points: [BenchPoint]) {
    self.points = points.filter { $0.figures != nil }
    modules = points.reduce(into: []) { names, point in if !names.contains(point.module) { names.append(point.module) }
    }
    frameworks = Set(points.map(\.frameworks)).sorted()
    agents = Set(points.map(\.agents)).sorted()
  }

  var svg: String {
    let width = Self.margin.left + Double(frameworks.count) * (Self.panel.width + Self.margin.gap)
    let rowHeight = Self.panel.height + Self.margin.bottom + 22
    let height = Self.margin.top + 2 * rowHeight
    var body = """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.n(width)) \(Self.n(height))" \
      width="\(Self.n(width))" height="\(Self.n(height))" font-family="sans-serif" font-size="11" fill="#222">
      <rect width="100%" height="100%" fill="#fff"/>
      <text x="\(Self.n(Self.margin.left))" y="24" font-size="15">Allocation cycles, all agents free</text>\n
      """
    body += legend
    for (row, figure) in Self.figures.enumerated() {
      let values = points.compactMap(\.figures).map(figure.value)
      let scale = LogScale(covering: values, over: Self.panel.height)
      for (column, count) in frameworks.enumerated() {
        let x = Self.margin.left + Double(column) * (Self.panel.width + Self.margin.gap)
        let y = Self.margin.top + Double(row) * rowHeight
        body += panel(figure, scale, frameworks: count, isFirst: column == 0, x, y)
      }
    }
    return body + "</svg>\n"
  }

  private struct Figure {
    var title: String
    var value: (PolicyFigures) -> Double
  }

  /// Zero has no place on a logarithmic axis.
  private static var figures: [Figure] {
    [
      Figure(title: "ms of processor time", value: { max($0.firstMs, 0.001) }),
      Figure(title: "MB that the module holds", value: { max(Double($0.memoryBytes) / 1_048_576, 0.01) }),
    ]
  }

  private var legend: String {
    var x = Self.margin.left
    return modules.enumerated().map { index, module in
      defer { x += 34 + 6.4 * Double(module.count) }
      return mark(index, x + 4, 43) + "<text x=\"\(Self.n(x + 13))\" y=\"47\">\(Self.escaped(module))</text>\n"
    }.joined()
  }

  private func panel(
    _ figure: Figure, _ scale: LogScale, frameworks: Int, isFirst: Bool, _ x: Double, _ y: Double
  ) -> String {
    let across = LogScale(covering: agents.map(Double.init), over: Self.panel.width)
    var body = "<g transform=\"translate(\(Self.n(x)),\(Self.n(y)))\">\n"
    body +=
      "<text x=\"0\" y=\"-8\" font-weight=\"bold\">\(frameworks) \(frameworks == 1 ? "framework" : "frameworks")</text>\n"
    for tick in scale.ticks {
      let y = Self.panel.height - scale.position(tick)
      body += line(0, y, Self.panel.width, y)
      if isFirst { body += text(-6, y + 4, Self.label(tick), anchor: "end") }
    }
    for tick in across.ticks {
      let x = across.position(tick)
      body += line(x, 0, x, Self.panel.height) + text(x, Self.panel.height + 16, Self.label(tick), anchor: "middle")
    }
    body += text(Self.panel.width / 2, Self.panel.height + 33, "agents", anchor: "middle")
    if isFirst {
      body +=
        "<text transform=\"translate(-46,\(Self.n(Self.panel.height / 2))) rotate(-90)\" "
        + "text-anchor=\"middle\">\(figure.title)</text>\n"
    }
    body +=
      "<rect width=\"\(Self.n(Self.panel.width))\" height=\"\(Self.n(Self.panel.height))\" fill=\"none\" stroke=\"#888\"/>\n"
    for (index, module) in modules.enumerated() {
      let own = points.filter { $0.module == module && $0.frameworks == frameworks }.sorted { $0.agents < $1.agents }
      let places = own.compactMap { point in
        point.figures.map {
          (across.position(Double(point.agents)), Self.panel.height - scale.position(figure.value($0)))
        }
      }
      let path = places.map { "\(Self.n($0.0)),\(Self.n($0.1))" }.joined(separator: " ")
      body += "<polyline points=\"\(path)\" fill=\"none\" stroke=\"\(Self.colour(index))\" stroke-width=\"1.8\"/>\n"
      body += places.map { mark(index, $0.0, $0.1) }.joined()
    }
    return body + "</g>\n"
  }

  private static func colour(_ index: Int) -> String { colours[index % colours.count] }

  /// A form for each module: circle, square, diamond, triangle.
  private func mark(_ index: Int, _ x: Double, _ y: Double) -> String {
    let fill = "fill=\"\(Self.colour(index))\"/>\n"
    switch index % 4 {
    case 0: return "<circle cx=\"\(Self.n(x))\" cy=\"\(Self.n(y))\" r=\"3.6\" \(fill)"
    case 1: return "<rect x=\"\(Self.n(x - 3.2))\" y=\"\(Self.n(y - 3.2))\" width=\"6.4\" height=\"6.4\" \(fill)"
    case 2: return polygon([(x, y - 4.6), (x + 4.6, y), (x, y + 4.6), (x - 4.6, y)]) + fill
    default: return polygon([(x, y - 4.4), (x + 4.2, y + 3.4), (x - 4.2, y + 3.4)]) + fill
    }
  }

  private func polygon(_ corners: [(Double, Double)]) -> String {
    "<polygon points=\"\(corners.map { "\(Self.n($0.0)),\(Self.n($0.1))" }.joined(separator: " "))\" "
  }

  private func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) -> String {
    "<line x1=\"\(Self.n(x1))\" y1=\"\(Self.n(y1))\" x2=\"\(Self.n(x2))\" y2=\"\(Self.n(y2))\" stroke=\"#ddd\"/>\n"
  }

  private func text(_ x: Double, _ y: Double, _ content: String, anchor: String) -> String {
    "<text x=\"\(Self.n(x))\" y=\"\(Self.n(y))\" text-anchor=\"\(anchor)\">\(content)</text>\n"
  }

  /// A number as short as it is good for.
  private static func n(_ value: Double) -> String {
    let rounded = (value * 10).rounded() / 10
    return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
  }

  /// `1000000` as `1M`.
  private static func label(_ value: Double) -> String {
    if value >= 1e6 { return "\(Int((value / 1e6).rounded()))M" }
    if value >= 1 { return "\(Int(value.rounded()))" }
    return "\((value * 1000).rounded() / 1000)"
  }

  private static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing("\"", with: "&quot;")
  }
}

/// Powers of ten over a length.
struct LogScale {
  private let lowest: Int
  private let highest: Int
  private let length: Double

  init(covering values: [Double], over length: Double) {
    let logarithms = values.filter { $0 > 0 }.map { log10($0) }
    lowest = Int(((logarithms.min() ?? 0) + 1e-9).rounded(.down))
    highest = max(lowest + 1, Int(((logarithms.max() ?? 1) - 1e-9).rounded(.up)))
    self.length = length
  }

  var ticks: [Double] { (lowest...highest).map { pow(10, Double($0)) } }

  func position(_ value: Double) -> Double {
    (log10(value) - Double(lowest)) / Double(highest - lowest) * length
  }
}
