import Allocation
import Resources
import Wire

/// What the master is told by its flags, with the defaults of Mesos. Durations are in nanoseconds.
public struct MasterConfiguration: Sendable {
  /// This master's id; the ids of frameworks, agents and offers begin with it (protocol fact 33).
  public var id: String
  public var hostname = "localhost"
  public var ip = "127.0.0.1"
  public var port = 5050
  public var cluster: String?
  /// What the Mesos API calls the version.
  public var version = "1.11.0"

  public var heartbeatIntervalNs: Int64 = 15 * Nanoseconds.second
  public var agentPingIntervalNs: Int64 = 15 * Nanoseconds.second
  public var agentPingLimit = 5
  public var agentReregisterTimeoutNs: Int64 = 10 * Nanoseconds.minute
  /// How often a policy may look at everything again, and the least duration of a refuse filter.
  public var allocationIntervalNs: Int64 = Nanoseconds.second
  /// The least time between two cycles: what frees up in it is granted together.
  public var allocationPauseNs: Int64 = 10 * Nanoseconds.millisecond
  /// The same for each offer that the cycle before made: frameworks that decline at once would otherwise be offered one
  /// agent after the other as fast as the master can, and it would do nothing else.
  public var allocationPausePerOfferNs: Int64 = 200_000
  /// How many agents a cycle looks at, so that it and its offers hold the loop for a few milliseconds only.
  public var agentsPerCycle = 1000
  /// How long a policy may think, unless its module says otherwise.
  public var allocationDeadlineNs: Int64 = 50 * Nanoseconds.millisecond
  /// How long an offer may lie with a framework; nil for ever.
  public var offerTimeoutNs: Int64? = 5 * Nanoseconds.minute
  /// How long a framework may want offers in vain until that is reported.
  public var starvationNs: Int64 = 30 * Nanoseconds.second
  public var completedFrameworkLimit = 50
  public var completedTaskLimit = 1000
  public var unreachableTaskLimit = 1000
  /// Event streams of operators that are open at a time.
  public var subscriberLimit = 1000
  /// Agents unreachable or gone that are remembered, and for how long.
  public var lostAgentLimit = 102_400
  public var lostAgentAgeSeconds: Double = 14 * 86_400
  /// The only roles that frameworks may have; nil for any.
  public var roles: Set<String>?
  /// Host names of the agents that are offered at first; nil for all.
  public var whitelist: Set<String>?
  /// Where the master is; without it, agents that say where they are cannot be told near or far, and are refused.
  public var domain: MesosDomainInfo?
  public var requiresAgentDomain = false
  /// Weights of roles; 1 for those that are not named.
  public var weights: [String: Double] = [:]
  public var allowsRootSubmissions = true
  public var allocation = AllocationOptions()
  /// Compiles a regex of offer constraints. Throws, with Mesos' text, for what is none or is too large to be matched fast.
  public var makePattern: @Sendable (String) throws(ResourceError) -> any TextPattern = {
    (regex) throws(ResourceError) in
    throw ResourceError("Failed to construct regex from pattern '\(regex)': this master takes no regexes")
  }

  /// Offers that frameworks are told of at once, and how long after each the next ones wait. They come back in as many
  /// declines, so that a burst of them would be one of work for the loop.
  static let offersPerTurn = 100
  static let tellingPausePerOfferNs: Int64 = 100_000
  static let starvationCheckIntervalNs = Nanoseconds.second
  static let forgettingIntervalNs = 15 * Nanoseconds.minute
  /// Protocol fact 81.
  static let usualKillGraceNs = 3 * Nanoseconds.second

  public init(id: String) {
    self.id = id
  }

  /// As in SUBSCRIBED.
  public var masterInfo: MesosMasterInfo {
    var info = MesosMasterInfo()
    info.id = id
    info.ip = MasterConfiguration.number(ofIP: ip)
    info.port = UInt32(port)
    info.pid = pid
    info.hostname = hostname
    info.version = version
    info.address.hostname = hostname
    info.address.ip = ip
    info.address.port = Int32(port)
    if let domain { info.domain = domain }
    info.capabilities = ([.agentUpdate, .agentDraining, .quotaV2] as [MesosMasterInfo.Capability.TypeEnum]).map {
      type in
      var capability = MesosMasterInfo.Capability()
      capability.type = type
      return capability
    }
    return info
  }

  public var pid: String { "master@\(ip):\(port)" }

  /// An IPv4 address as the integer that a little-endian host holds of its bytes (protocol fact 156); 0 for others.
  private static func number(ofIP ip: String) -> UInt32 {
    let bytes = ip.split(separator: ".").compactMap { UInt8($0) }
    guard bytes.count == 4 else { return 0 }
    return bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }
}

enum Nanoseconds {
  static let millisecond: Int64 = 1_000_000
  static let second: Int64 = 1_000_000_000
  static let minute: Int64 = 60 * second
  static let day: Int64 = 86_400 * second

  /// A duration that somebody sent as seconds; nil if it does not fit (protocol fact 38).
  static func of(seconds: Double) -> Int64? {
    let value = (seconds * 1e9).rounded()
    return value.isFinite && value > -0x1p63 && value < 0x1p63 ? Int64(value) : nil
  }
}

/// Two readings of one moment.
public struct Instant: Sendable, Equatable {
  /// On a clock that never goes back; deadlines are on it.
  public var monotonicNs: Int64
  /// Seconds since 1970, for what people and frameworks see.
  public var epochSeconds: Double

  public init(monotonicNs: Int64, epochSeconds: Double) {
    self.monotonicNs = monotonicNs
    self.epochSeconds = epochSeconds
  }
}
