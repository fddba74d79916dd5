import ArgumentParser
import Daemon
import FoundationEssentials
import Wire

/// `tepui maintenance`: which machines will be away and which are.
struct Maintenance: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "See and plan the maintenance of machines; take them down and bring them up.",
    discussion: """
      A machine is HOST,IP as its agents tell them. One of the two, or the id of an agent, will do when a registered \
      agent or a scheduled machine has it.
      """,
    subcommands: [Status.self, Schedule.self, Cancel.self, Start.self, Stop.self], defaultSubcommand: Status.self)

  struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List machines that are planned to be away or are, and what frameworks say to it.")
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let (status, schedule) = try await connection.withCluster { cluster in
        (
          try await cluster.operate { $0.type = .getMaintenanceStatus }.getMaintenanceStatus.status,
          try await cluster.maintenanceSchedule
        )
      }
      if output.json { return print(String(decoding: WireFormat.json.encode(status), as: UTF8.self)) }
      let statuses = Dictionary(status.drainingMachines.map { ($0.id, $0.statuses) }) { first, _ in first }
      var table = Table("HOST", "ADDRESS", "STATE", "START", "DURATION", "ACCEPTED", "DECLINED")
      for window in schedule.windows {
        for id in window.machineIds {
          let answers = statuses[id]
          let count = { (kind: MesosMaintenanceInverseOfferStatus.Status) in
            answers.map { String($0.count { $0.status == kind }) } ?? "-"
          }
          table.add(
            id.hostname, id.ip, answers == nil ? "down" : "draining", window.unavailability.startText,
            window.unavailability.durationText, count(.accept), count(.decline))
        }
      }
      print(table.text, terminator: "")
    }
  }

  struct Schedule: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show the schedule; plan a window for machines; or set the whole schedule from a file.",
      discussion: "Machines that were planned already move to the new window. Frameworks are told at once.")
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions
    @Argument(help: "Machines that will be away together.") var machines: [String] = []
    @Option(help: "When: now, 2hrs from now as +2hrs, or a time such as 2030-01-31T18:00:00Z.") var start: StartTime?
    @Option(help: "For how long, such as 90mins; without it, for ever.") var duration: DurationFlag?
    @Option(help: "A file with a whole schedule in Mesos' JSON, which takes the place of the one that there is.")
    var file: String?

    func validate() throws {
      if file != nil, !machines.isEmpty || start != nil || duration != nil {
        throw ValidationError("--file has a whole schedule; give no machines, --start or --duration with it")
      }
      if machines.isEmpty, start != nil || duration != nil {
        throw ValidationError("say which machines will be away")
      }
      if !machines.isEmpty, start == nil { throw ValidationError("say when: --start now, --start +2hrs or a time") }
    }

    func run() async throws {
      let schedule = try await connection.withCluster { cluster in
        if let file {
          try await cluster.set(try read(file))
        } else if let start, !machines.isEmpty {
          var schedule = try await cluster.maintenanceSchedule
          let ids = try await cluster.machines(named: machines, scheduled: schedule)
          schedule.remove(ids)
          schedule.windows.append(
            .with {
              $0.machineIds = ids
              $0.unavailability.start.nanoseconds = start.nanoseconds
              if let duration { $0.unavailability.duration.nanoseconds = duration.nanoseconds }
            })
          try await cluster.set(schedule)
        }
        return try await cluster.maintenanceSchedule
      }
      if output.json { return print(String(decoding: WireFormat.json.encode(schedule), as: UTF8.self)) }
      var table = Table("HOST", "ADDRESS", "START", "DURATION")
      for window in schedule.windows {
        for id in window.machineIds {
          table.add(id.hostname, id.ip, window.unavailability.startText, window.unavailability.durationText)
        }
      }
      print(table.text, terminator: "")
    }

    private func read(_ path: String) throws -> MesosMaintenanceSchedule {
      guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
        throw Failure("\(path) cannot be read")
      }
      do {
        return try WireFormat.json.decode(MesosMaintenanceSchedule.self, from: Array(text.utf8))
      } catch {
        throw Failure("\(path) holds no schedule: \(error.bareText)")
      }
    }
  }

  struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Take machines that are not down off the schedule.")
    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "The machines.") var machines: [String]

    func run() async throws {
      try await connection.withCluster { cluster in
        var schedule = try await cluster.maintenanceSchedule
        schedule.remove(try await cluster.machines(named: machines, scheduled: schedule))
        try await cluster.set(schedule)
      }
    }
  }

  struct Start: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take scheduled machines down: their agents and tasks end, and no agent may register there.")
    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "The machines.") var machines: [String]

    func run() async throws {
      try await connection.withCluster { cluster in
        let ids = try await cluster.machines(named: machines, scheduled: try await cluster.maintenanceSchedule)
        _ = try await cluster.operate {
          $0.type = .startMaintenance
          $0.startMaintenance.machines = ids
        }
      }
    }
  }

  struct Stop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Bring machines up that were taken down: agents may register there again.")
    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "The machines.") var machines: [String]

    func run() async throws {
      try await connection.withCluster { cluster in
        let ids = try await cluster.machines(named: machines, scheduled: try await cluster.maintenanceSchedule)
        _ = try await cluster.operate {
          $0.type = .stopMaintenance
          $0.stopMaintenance.machines = ids
        }
      }
    }
  }
}

/// A moment: `now`, a duration from now as `+2hrs`, or a time in ISO 8601.
struct StartTime: ExpressibleByArgument {
  let nanoseconds: Int64

  init?(argument: String) {
    var start = Date()
    if argument.hasPrefix("+") {
      guard let wait = DurationFlag(argument: String(argument.dropFirst())) else { return nil }
      start += Double(wait.nanoseconds) / 1e9
    } else if argument != "now" {
      guard let time = try? Date(argument, strategy: .iso8601) else { return nil }
      start = time
    }
    guard let nanoseconds = Int64(exactly: (start.timeIntervalSince1970 * 1e9).rounded()) else { return nil }
    self.nanoseconds = nanoseconds
  }
}

extension MesosUnavailability {
  fileprivate var startText: String {
    Date(timeIntervalSince1970: Double(start.nanoseconds) / 1e9).formatted(.iso8601)
  }

  fileprivate var durationText: String {
    hasDuration ? DurationFlag(nanoseconds: duration.nanoseconds).description : "-"
  }
}
