import ModuleKit

/// Progressive filling, straight from its definition (DRF paper, section 4.1, algorithm 1) and from what a tree of
/// weighted roles means: one task after the other goes to who is furthest behind; who is that while its next task does
/// not fit gets no more.
///
/// Made to be compared with, so it is as plain as can be: everything is computed anew for every task. Among equals it
/// takes who had its turn longest ago, then who came first.
struct ProgressiveFilling {
  let capacity: [String: Int64]
  /// In thousandths, as in the view: so that rounding makes no difference between equals.
  let weights: [String: Int64]
  let workers: [Worker]

  private var tasks: [Int]
  private var lastTurn: [Int]
  private var isOut: [Bool]

  init(capacity: [String: Int64], weights: [String: Int64], workers: [Worker]) {
    (self.capacity, self.weights, self.workers) = (capacity, weights, workers)
    tasks = workers.map { _ in 0 }
    lastTurn = tasks
    isOut = workers.map { _ in false }
  }

  /// The number of tasks of each worker in the end.
  mutating func run() -> [Int] {
    var turn = 0
    while let next = choose(among: workers.indices.filter { !isOut[$0] && isUnsatisfied($0) }, below: "") {
      turn += 1
      lastTurn[next] = turn
      if workers[next].fits(free) { tasks[next] += 1 } else { isOut[next] = true }
    }
    return tasks
  }

  private func isUnsatisfied(_ worker: Int) -> Bool { tasks[worker] < workers[worker].wanted }

  /// Descends from a role to the worker that is furthest behind.
  private func choose(among candidates: [Int], below role: String) -> Int? {
    if role.hasSuffix("/.") {
      return candidates.min { (share([$0]), lastTurn[$0], $0) < (share([$1]), lastTurn[$1], $1) }
    }
    let children = Dictionary(grouping: candidates) { child(of: role, towards: workers[$0].role) }
    let next = children.keys.min { rank($0) < rank($1) }
    return next.flatMap { choose(among: children[$0] ?? [], below: $0) }
  }

  /// Smaller comes first.
  private func rank(_ role: String) -> (share: Double, lastTurn: Int, age: Int) {
    let waiting = members(of: role).filter(isUnsatisfied)
    return (
      share(members(of: role)) * 1000 / Double(weights[role] ?? 1000), waiting.map { lastTurn[$0] }.max() ?? 0,
      waiting.min() ?? 0
    )
  }

  /// The role below `role` on the way to `target`; `role/.` stands for the workers in the role itself.
  private func child(of role: String, towards target: String) -> String {
    if role == target { return "\(role)/." }
    let rest = role.isEmpty ? Substring(target) : target.dropFirst(role.count + 1)
    return (role.isEmpty ? "" : "\(role)/") + rest.prefix { $0 != "/" }
  }

  private func members(of role: String) -> [Int] {
    workers.indices.filter { index in
      let own = workers[index].role
      return role.hasSuffix("/.") ? own == role.dropLast(2) : own == role || own.hasPrefix("\(role)/")
    }
  }

  private func share(_ members: [Int]) -> Double {
    capacity.map { kind, total in Double(held(kind, by: members)) / Double(total) }.max() ?? 0
  }

  private func free(_ kind: String) -> Int64 { (capacity[kind] ?? 0) - held(kind, by: Array(workers.indices)) }

  private func held(_ kind: String, by members: [Int]) -> Int64 {
    members.reduce(0) { sum, index in
      let need = workers[index].task.first { $0.kind == kind }?.amount ?? 0
      return sum + need * Int64(tasks[index])
    }
  }
}
