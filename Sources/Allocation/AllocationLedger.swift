import CTepui
import Resources

/// `TEPUI_NONE` of the module ABI: the id of nothing.
let noID = UInt32.max

/// The host's books behind every policy: what each agent has, who holds what, who wants more, and who refused what.
///
/// Everything is numbered densely and kept in columns that a policy reads in place, so a cycle copies nothing and costs
/// what has changed. The ledger believes no policy: `runCycle` checks each grant. It knows no time: callers give it,
/// in nanoseconds on a clock that never goes back.
///
/// One thread. An id belongs to the same thing until that is removed; passing the id of something removed is harmless.
public final class AllocationLedger {
  let options: AllocationOptions

  var kindNames: [String] = []
  let kindTexts = NameTable()
  let kindFlags = Column<UInt32>(initial: 0)
  let clusterTotal = QuantityTable(kinds: 0)

  var agentIDs = DenseIDs()
  var agents: [AgentBook?] = []
  let agentNames = NameTable()
  let agentTotal = QuantityTable(kinds: 0)
  let agentFree = QuantityTable(kinds: 0)
  /// Kept for candidates, while a cycle runs.
  let agentExtraRole = Column<UInt32>(initial: noID)
  var gpuAgents = AgentSet()
  /// Agents of another region than the master's.
  var remoteAgents = AgentSet()
  /// Agents with something that is worth an offer.
  var offerable = AgentSet()
  /// Agents whose free resources are not for everybody.
  var particularCount = 0
  /// One row: the plain amounts that are free on all agents that are active.
  let freeTotal = QuantityTable(kinds: 0)

  var frameworkIDs = DenseIDs()
  var frameworks: [FrameworkBook?] = []
  let frameworkNames = NameTable()

  var claimantIDs = DenseIDs()
  var claimants: [ClaimantBook?] = []
  let claimantFramework = Column<UInt32>(initial: noID)
  let claimantRole = Column<UInt32>(initial: noID)
  let claimantAllocated = QuantityTable(kinds: 0)
  /// Claimants that want offers, ascending.
  let active = Column<UInt32>(initial: 0)

  let roles = RoleTree(kinds: 0)
  var shared = SharedCopies()
  let filters = RefuseFilters(kinds: 0)
  /// Agents that offer constraints exclude, kept because regexes are slow to judge; the claimants that have constraints.
  let excluded = BlockedAgents()
  var constrained: Set<UInt32> = []
  /// All that a claimant must not be granted, for whatever reason.
  let blocked = BlockedAgents()

  /// Agents to look at in the next cycle, to tell the policy as changed, and whose filters must be judged anew.
  var candidates = AgentMarks()
  var changed = AgentMarks()
  var unjudged = AgentMarks()
  /// Agents that may be granted in the running cycle.
  var offered = AgentMarks()
  var hungerCursor = 0
  var considersAll = false
  var changedSinceAll = false

  var cycleNumber: UInt64 = 0
  var random: SplitMix64
  var open: OpenCycle?
  /// How many claimants have a minimum in place of the one for all.
  var ownMinimums: [MinimumOffer: Int] = [:]
  /// The smallest offers to anybody, in thousandths: all amounts of one of these, or whatever there is.
  var minimumAmounts: [[(kind: Int, amount: Int64)]] = []
  var isAnythingAnOffer = false
  private let scratchRow = Column<Int64>(initial: 0)
  /// Of the grant in work.
  let choppedRow = Column<Int64>(initial: 0)

  public init(options: AllocationOptions = AllocationOptions()) {
    self.options = options
    random = SplitMix64(state: options.seed)
    clusterTotal.growRows(to: 1)
    freeTotal.growRows(to: 1)
    // The ABI promises that kinds 0 and 1 are these.
    addKind("cpus")
    addKind("mem")
  }

  final class AgentBook {
    let name: String
    var traits: AgentTraits
    var total: Resources
    /// By everybody together; may be more than the total when an agent came back smaller.
    var allocated = Resources()
    var free = Resources()
    var form = FreeForm.plain
    /// The part of `free` that is no plain amount.
    var freeRest = Resources()
    /// The same of `total`.
    var totalForm = FreeForm.plain
    var totalRest = Resources()
    var isActive = true
    /// The part of `free` that is reserved and not revocable, as it is counted in the roles, and those roles.
    var reservedFree = Resources()
    var reservedRoles: [UInt32] = []
    /// What was free when the filters on the agent were last judged; nil when they must be judged anyway.
    var judgedFree: Resources?

    init(name: String, traits: AgentTraits) {
      self.name = name
      self.traits = traits
      total = Resources()
    }

    /// Something of `free` is not a plain amount: it is reserved, revocable, a volume, a range or a set.
    var hasExtras: Bool { form != .plain }
  }

  /// What the free resources of an agent are: this decides how closely they must be looked at.
  enum FreeForm {
    /// Amounts that can be cut at will and that anybody may have.
    case plain
    /// Also ranges and sets, and anybody may have all of it: the usual agent with ports.
    case open
    /// Some of it is reserved, a volume or the like, which not everybody may have.
    case particular
  }

  final class FrameworkBook {
    let name: String
    var traits: FrameworkTraits
    var isActive = true
    var claimants: [(role: String, id: UInt32)] = []

    init(name: String, traits: FrameworkTraits) {
      self.name = name
      self.traits = traits
    }
  }

  final class ClaimantBook {
    let role: String
    let framework: UInt32
    var isSubscribed: Bool
    var isSuppressed: Bool
    var terms = RoleTerms()
    /// Whether it is in `active`.
    var wantsOffers = false
    /// When it was last granted something, and since when it has wanted offers, as far as was looked at.
    var lastGrantNs: Int64?
    var grantCount: UInt64 = 0
    var wantsSinceNs: Int64?

    init(role: String, framework: UInt32, isSubscribed: Bool, isSuppressed: Bool) {
      self.role = role
      self.framework = framework
      self.isSubscribed = isSubscribed
      self.isSuppressed = isSuppressed
    }
  }

  // MARK: Kinds

  func kind(of name: String) -> Int? { kindNames.firstIndex(of: name) }

  private func addKind(_ name: String) {
    kindNames.append(name)
    kindTexts.set(name, for: UInt32(kindNames.count - 1))
    kindFlags.append(options.excludedFromFairness.contains(name) ? UInt32(TEPUI_KIND_EXCLUDED_FROM_FAIRNESS) : 0)
    for table in [
      clusterTotal, freeTotal, agentTotal, agentFree, claimantAllocated, roles.allocated, roles.reservedFree,
    ] {
      table.widen(to: kindNames.count)
    }
    filters.widen(to: kindNames.count)
    scratchRow.grow(to: kindNames.count)
    choppedRow.grow(to: kindNames.count)
    refreshMinimumAmounts()
  }

  func addKinds(of resources: Resources) {
    for (name, _) in resources.scalarTotals { addKind(named: name) }
  }

  func addKind(named name: String) {
    if kind(of: name) == nil { addKind(name) }
  }

  /// Calls `body` with the scalar amounts of `resources` by kind. Not to be nested.
  func withAmounts<Result>(of resources: Resources, _ body: (UnsafePointer<Int64>) -> Result) -> Result {
    fill(scratchRow.base, with: resources)
    return body(scratchRow.pointer)
  }

  func fill(_ row: UnsafeMutablePointer<Int64>, with resources: Resources) {
    row.update(repeating: 0, count: kindNames.count)
    for resource in resources {
      guard case .scalar(let quantity) = resource.value, let kind = kind(of: resource.name) else { continue }
      row[kind] = (Quantity(thousandths: row[kind]) + quantity).thousandths
    }
  }

  // MARK: Roles

  /// The share that a role and all below it deserve, relative to its siblings; in thousandths, 1000 is normal.
  public func setWeight(_ weight: Int64, ofRole name: String) {
    roles.setWeight(weight, of: name)
    considerAll()
  }

  /// Looks at every agent in the next cycle.
  func considerAll() {
    considersAll = true
    changedSinceAll = true
  }

  /// Whether anything has changed since every agent was looked at.
  public var hasChanged: Bool { changedSinceAll }

  /// To be called now and then: if anything has changed since every agent was looked at, the next cycle does so again,
  /// for a policy may have held back what it would give now.
  public func reconsider() {
    if changedSinceAll { considersAll = true }
  }

  /// When a refuse filter may end and a cycle be worth its while.
  public var nextFilterEnd: Int64? { filters.nextEnd }
}

/// A small seeded generator: the same seed gives the same cycles.
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
