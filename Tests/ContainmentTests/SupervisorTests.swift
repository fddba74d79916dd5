import CLaunch
import Glibc
import Testing

/// Writes launch specifications by the header's words, right and wrong ones.
private struct Specification {
  var bytes: [UInt8] = []

  init(directory: String, arguments: [String] = ["sh", "-c", "echo ran >> ran"]) {
    for word in [LAUNCH_SPEC_MAGIC, LAUNCH_SPEC_VERSION, 0] { add(word) }
    add(LAUNCH_STATE_DIRECTORY, directory)
    add(LAUNCH_BOOT_ID, "00000000-0000-0000-0000-000000000000")
    add(LAUNCH_SANDBOX, directory)
    add(LAUNCH_WORKING_DIRECTORY, directory)
    add(LAUNCH_PROGRAM, "/bin/sh")
    for argument in arguments { add(LAUNCH_ARGUMENT, argument) }
    add(LAUNCH_ENVIRONMENT, "PATH=/usr/bin:/bin")
    seal()
  }

  mutating func seal() { put(UInt32(bytes.count), at: 8) }

  mutating func put(_ word: UInt32, at offset: Int) {
    withUnsafeBytes(of: word) { bytes.replaceSubrange(offset..<offset + 4, with: $0) }
  }

  mutating func add(_ word: UInt32) { withUnsafeBytes(of: word) { bytes += $0 } }

  mutating func add(_ type: launch_record, _ text: String) { add(type.rawValue, Array(text.utf8) + [0]) }

  mutating func add(_ type: UInt32, _ payload: [UInt8]) {
    add(type)
    add(UInt32(payload.count))
    bytes += payload
  }
}

/// What came of one supervisor.
private struct Outcome {
  var reports: [launch_report] = []
  var status: Int32 = 0

  func detail(_ index: Int = 0) -> String {
    guard reports.indices.contains(index) else { return "" }
    return withUnsafeBytes(of: reports[index].detail) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}

extension ContainmentTests {
  /// The supervisor by itself, as the agent's counterpart on the control socket sees it.
  @Suite struct SupervisorTests {
    private typealias Launch = (UnsafePointer<launch_request>, UnsafeMutablePointer<launch_result>) -> Int32

    /// Runs a supervisor until it ends. Without consent the control socket is closed when it is asked for.
    private func run(
      _ specification: Specification, consent: Bool = true, by launch: Launch = { launch_supervisor($0, $1) }
    ) throws -> Outcome {
      let file = specification.bytes.withUnsafeBytes { launch_memory_file("test", $0.baseAddress, $0.count) }
      try #require(file >= 0)
      defer { close(file) }
      var ends: [Int32] = [-1, -1]
      try #require(launch_control_pair(&ends) == 0)
      var result = launch_result()
      let program = "\(Harness.products)/tepui-supervisor"
      let status = program.withCString { program in
        let arguments: [UnsafeMutablePointer<CChar>?] = [UnsafeMutablePointer(mutating: program), nil]
        return arguments.withUnsafeBufferPointer { arguments in
          var request = launch_request(
            program: program, arguments: arguments.baseAddress, spec_fd: file, control_fd: ends[1], leaf_cgroup_fd: -1,
            cgroup_fd: -1)
          return launch(&request, &result)
        }
      }
      close(ends[1])
      try #require(status == 0)
      return try follow(result, control: ends[0], consent: consent)
    }

    private func follow(_ result: launch_result, control: Int32, consent: Bool) throws -> Outcome {
      defer { close(result.pidfd) }
      _ = fcntl(control, F_SETFL, 0)
      var outcome = Outcome()
      var isOpen = true
      while isOpen {
        var report = launch_report()
        var sender: pid_t = 0
        guard launch_control_receive(control, &report, &sender) == 1 else { break }
        outcome.reports.append(report)
        guard report.step == 0 else { continue }
        isOpen = consent
        if consent { send(control, [1], 1, 0) }
      }
      close(control)
      var poll = pollfd(fd: result.pidfd, events: Int16(POLLIN), revents: 0)
      try #require(Glibc.poll(&poll, 1, 60_000) == 1, "the supervisor does not end")
      try #require(launch_pidfd_reap(result.pidfd, &outcome.status) == 1)
      return outcome
    }

    private func hasRun(_ directory: String) -> Bool { access("\(directory)/ran", F_OK) == 0 }

    @Test func commandRunsAndItsStatusIsStored() throws {
      let directory = try Harness.makeDirectory()
      let outcome = try run(Specification(directory: directory, arguments: ["sh", "-c", "echo ran > ran; exit 5"]))
      #expect(outcome.status == 0 && outcome.reports.count == 1 && hasRun(directory))
      #expect(read("\(directory)/exit") == "ended  \n00000000-0000-0000-0000-000000000000\n0000001280\n")
    }

    @Test func commandRunsWhereTheKernelHasNoClone3() throws {
      let directory = try Harness.makeDirectory()
      let outcome = try run(Specification(directory: directory), by: { launch_supervisor_by_fork($0, $1) })
      #expect(outcome.status == 0 && hasRun(directory))
    }

    @Test func agentThatDiesBeforeItsConsentLetsNothingRun() throws {
      let directory = try Harness.makeDirectory()
      let outcome = try run(Specification(directory: directory), consent: false)
      #expect(outcome.reports.count == 1 && outcome.reports.first?.step == 0)
      #expect(!hasRun(directory))
      #expect(read("\(directory)/exit")?.hasPrefix("not run\n") == true)
    }

    @Test func otherVersionIsToldSo() throws {
      var specification = Specification(directory: try Harness.makeDirectory())
      specification.put(LAUNCH_SPEC_VERSION + 1, at: 4)
      let outcome = try run(specification)
      #expect(outcome.reports.first?.step == LAUNCH_STEP_SPECIFICATION.rawValue)
      #expect(outcome.detail().contains("install both from one build"))
    }

    @Test func recordThatComesTwiceIsRefused() throws {
      var specification = Specification(directory: try Harness.makeDirectory())
      specification.add(LAUNCH_PROGRAM, "/bin/false")
      specification.seal()
      #expect(try run(specification).detail() == "a record of the specification comes twice")
    }

    private static let malformed: [(UInt32, [UInt8])] = [
      (LAUNCH_ARGUMENT.rawValue, Array("open end".utf8)),
      (LAUNCH_ARGUMENT.rawValue, [0, 0]),
      (LAUNCH_ARGUMENT.rawValue, []),
      (LAUNCH_RLIMIT.rawValue, [1, 2, 3]),
      (LAUNCH_USER.rawValue, [0, 0, 0, 0]),
      (LAUNCH_USER.rawValue, [UInt8](repeating: 0, count: 10)),
      (LAUNCH_NAMESPACES.rawValue, [0]),
      (LAUNCH_MOUNT.rawValue, [0, 0, 0, 0, 65, 0, 66, 0, 67, 0]),
      (LAUNCH_HOSTNAME.rawValue, Array("open end".utf8)),
      (LAUNCH_CAPABILITIES.rawValue, [UInt8](repeating: 0, count: 16)),
      (LAUNCH_NO_NEW_PRIVILEGES.rawValue, [0]),
      (LAUNCH_SECCOMP.rawValue, [0, 0, 0, 0]),
      (LAUNCH_SECCOMP.rawValue, [UInt8](repeating: 0, count: 11)),
      (LAUNCH_SECCOMP.rawValue, [UInt8](repeating: 0, count: 4 + 4097 * 8)),
      (LAUNCH_LINK.rawValue, [65, 0]),
      (LAUNCH_READ_ONLY.rawValue, [65, 0, 66, 0]),
      (LAUNCH_HIDDEN.rawValue, []),
      (99, [0]),
      (0, []),
    ]

    @Test(arguments: malformed)
    func recordThatIsNotWhatItSaysIsRefused(type: UInt32, payload: [UInt8]) throws {
      let directory = try Harness.makeDirectory()
      var specification = Specification(directory: directory)
      specification.add(type, payload)
      specification.seal()
      let outcome = try run(specification)
      #expect(outcome.detail() == "a record of the specification is malformed")
      #expect(outcome.status == 127 << 8 && !hasRun(directory))
    }

    /// Every word is given hostile values in turn: each is refused with a report or does no harm, and none is a crash.
    @Test func noSpecificationCrashesIt() throws {
      let directory = try Harness.makeDirectory()
      let valid = Specification(directory: directory)
      for offset in stride(from: 0, to: valid.bytes.count - 3, by: 3) {
        for value: UInt32 in [0, 0x7fff_ffff, 0xffff_ffff] {
          var hostile = valid
          hostile.put(value, at: offset)
          let outcome = try run(hostile, consent: false)
          #expect(outcome.status & 0x7f == 0, "word \(offset) as \(value) ended it by a signal")
          #expect(!outcome.reports.isEmpty, "word \(offset) as \(value) was met with silence")
        }
      }
      #expect(!hasRun(directory))
    }

    @Test func cutSpecificationIsRefusedWhereverItEnds() throws {
      let valid = Specification(directory: try Harness.makeDirectory())
      for length in stride(from: 1, to: valid.bytes.count, by: 5) {
        var cut = valid
        cut.bytes.removeLast(valid.bytes.count - length)
        if length >= 12 { cut.seal() }
        let outcome = try run(cut, consent: false)
        #expect(outcome.reports.first?.step != nil && outcome.status & 0x7f == 0)
      }
    }

    /// Launches a program that will not come to be, both ways.
    private func failures(_ program: String, cgroup: Int32) -> [launch_result] {
      let launches: [Launch] = [{ launch_supervisor($0, $1) }, { launch_supervisor_by_fork($0, $1) }]
      return launches.map { launch in
        program.withCString { program in
          var result = launch_result()
          var arguments: [UnsafeMutablePointer<CChar>?] = [nil]
          arguments.withUnsafeMutableBufferPointer { arguments in
            var request = launch_request(
              program: program, arguments: arguments.baseAddress, spec_fd: 0, control_fd: 1, leaf_cgroup_fd: -1,
              cgroup_fd: cgroup)
            #expect(launch(&request, &result) == -1)
          }
          return result
        }
      }
    }

    @Test func missingProgramIsToldByStepAndErrno() {
      for result in failures("/no/such/supervisor", cgroup: -1) {
        #expect(result.error == ENOENT && result.step == Int32(LAUNCH_STEP_SPAWN.rawValue))
      }
    }

    @Test func groupThatIsNoneIsToldAsTheGroupsFault() {
      let directory = open("/tmp", O_RDONLY | O_DIRECTORY)
      defer { close(directory) }
      for result in failures("/bin/true", cgroup: directory) {
        #expect(result.error != 0 && result.step == Int32(LAUNCH_STEP_CGROUP.rawValue))
      }
    }
  }
}
