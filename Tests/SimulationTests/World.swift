import HeapModule

/// Virtual time, chance and the order of things: everything that happens in a simulated cluster happens here, one thing
/// after the other, and the same seed makes the same things happen.
final class World {
  static let millisecond: Int64 = 1_000_000
  static let second: Int64 = 1_000_000_000

  /// Nanoseconds since the epoch.
  private(set) var now: Int64 = 1_700_000_000 * World.second
  var chance: SeededGenerator
  private var queue = Heap<Entry>()
  private var scheduled: UInt64 = 0
  /// Things that happened.
  private(set) var steps = 0
  /// Of all that was noted, in order: two runs were the same if these are.
  private(set) var fingerprint: UInt64 = 14_695_981_039_346_656_037
  private(set) var journal: [String] = []

  private struct Entry: Comparable {
    let time: Int64
    let number: UInt64
    let body: () -> Void

    static func < (left: Entry, right: Entry) -> Bool { (left.time, left.number) < (right.time, right.number) }
    static func == (left: Entry, right: Entry) -> Bool { left.number == right.number }
  }

  init(seed: UInt64) {
    chance = SeededGenerator(state: seed)
  }

  func after(_ wait: Int64, _ body: @escaping () -> Void) { at(now + max(0, wait), body) }

  func at(_ time: Int64, _ body: @escaping () -> Void) {
    scheduled += 1
    queue.insert(Entry(time: max(time, now), number: scheduled, body: body))
  }

  /// Lets everything happen that is due until `end`.
  func run(until end: Int64) {
    while let next = queue.min, next.time <= end {
      queue.removeMin()
      now = next.time
      steps += 1
      next.body()
    }
    now = max(now, end)
  }

  func run(seconds: Int64) { run(until: now + seconds * World.second) }

  /// Keeps what happened, for the message of a failure and to compare runs.
  func note(_ text: String) {
    for byte in text.utf8 { fingerprint = (fingerprint ^ UInt64(byte)) &* 1_099_511_628_211 }
    journal.append("\(Double((now - 1_700_000_000 * World.second) / World.millisecond) / 1000) \(text)")
  }

  /// The end of the journal.
  func lastWords(about word: String, count: Int = 25) -> String {
    journal.filter { $0.contains(word) }.suffix(count).joined(separator: "\n")
  }

  func between(_ least: Int64, _ most: Int64) -> Int64 { Int64.random(in: least...most, using: &chance) }

  func happens(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &chance) < percent }
}

struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// One direction of a connection: what is sent arrives later and in order, or not at all once the connection is broken.
final class Link {
  private let world: World
  private var lastArrival: Int64 = 0
  private(set) var isOpen = true

  init(_ world: World) {
    self.world = world
  }

  func send(_ deliver: @escaping () -> Void) {
    lastArrival = max(lastArrival, world.now + world.between(World.millisecond / 10, 20 * World.millisecond))
    world.at(lastArrival) { [self] in
      if isOpen { deliver() }
    }
  }

  /// What is on its way is lost.
  func cut() { isOpen = false }
}
