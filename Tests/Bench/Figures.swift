/// Figures as they come, each beside its bound: a multiple of the calibration loop's time, for figures in seconds, or in
/// milliseconds its thousandths; or a plain number where the aim is one.
struct Figures {
  let calibration: Double
  let checks: Bool
  private var failures: [String] = []

  init(calibration: Double, checks: Bool) {
    self.calibration = calibration
    self.checks = checks
  }

  mutating func tell(
    _ name: String, _ value: Double, _ unit: String, bound: Double? = nil, boundRatio: Double? = nil,
    atMost: Double? = nil
  ) {
    let shown = (value * 100).rounded() / 100
    var line = "  \(name): \(shown) \(unit)"
    if let bound {
      let ratio = value / calibration
      line += ", \((ratio * 10).rounded() / 10) times the calibration loop, bound \(bound)"
      if ratio > bound { failures.append(name) }
    }
    if let boundRatio {
      let ratio = value / calibration
      line += ", \((ratio * 10).rounded() / 10) thousandths of the calibration loop, bound \(boundRatio)"
      if ratio > boundRatio { failures.append(name) }
    }
    if let atMost {
      line += ", bound \(atMost)"
      if value > atMost { failures.append(name) }
    }
    print(line)
  }

  func check() throws {
    if checks, !failures.isEmpty { throw Load.Failure("out of bounds: \(failures.joined(separator: ", "))") }
  }
}
