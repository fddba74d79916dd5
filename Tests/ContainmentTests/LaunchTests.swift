import Containment
import Foundation
import Glibc
import ModuleHost
import Testing

extension ContainmentTests {
  @Suite struct LaunchTests {
    @Test func commandRunsInItsSandboxAndItsOutputIsKept() async throws {
      let harness = try Harness()
      let exit = try await harness.run("a", "pwd; echo $GREETING; echo problem >&2")
      #expect(exit == ContainerExit(waitStatus: 0, limitation: nil))
      #expect(harness.output(of: "a") == "\(harness.directory)/sandbox-a\nhello\n")
      #expect(harness.output(of: "a", "stderr") == "problem\n")
    }

    @Test func exitCodeIsTold() async throws {
      let harness = try Harness()
      #expect(try await harness.run("a", "exit 42").waitStatus == 42 << 8)
    }

    @Test func deathBySignalIsTold() async throws {
      let harness = try Harness()
      #expect(try await harness.run("a", "kill -TERM $$").waitStatus == SIGTERM)
    }

    @Test func programIsLookedUpInThePathOfItsEnvironment() async throws {
      let harness = try Harness()
      var request = try harness.request("a", program: "greet", ["greet"])
      let bin = "\(harness.directory)/bin"
      try #require(mkdir(bin, 0o755) == 0)
      try #require(symlink("/bin/echo", "\(bin)/greet") == 0)
      request.command.environment["PATH"] = bin
      request.command.arguments.append("found")
      _ = try await harness.launch(request).get()
      #expect(try await harness.exit(of: "a").waitStatus == 0)
      #expect(harness.output(of: "a") == "found\n")
    }

    @Test func scriptThatNamesNoInterpreterIsTheShells() async throws {
      let harness = try Harness()
      let request = try harness.request("a", program: "./script", ["script", "one"])
      let path = "\(request.description.sandbox)/script"
      try "echo $0 $1".write(toFile: path, atomically: false, encoding: .utf8)
      chmod(path, 0o755)
      _ = try await harness.launch(request).get()
      #expect(try await harness.exit(of: "a").waitStatus == 0)
      #expect(harness.output(of: "a") == "./script one\n")
    }

    @Test func outputOfAnEarlierRunIsAppendedTo() async throws {
      let harness = try Harness()
      _ = try await harness.run("a", "echo one")
      _ = try await harness.run("a", "echo two")
      #expect(harness.output(of: "a") == "one\ntwo\n")
    }

    @Test func commandStartsWithAClearSignalStateAndNoForeignDescriptors() async throws {
      let harness = try Harness()
      // A descriptor without close-on-exec, as a careless library may leave one.
      let leak = open("/dev/null", O_RDONLY)
      defer { close(leak) }
      _ = try await harness.run("a", "grep -E '^Sig(Blk|Ign):' /proc/self/status; ls /proc/self/fd | wc -l")
      let lines = harness.output(of: "a").split(separator: "\n")
      #expect(lines.prefix(2).allSatisfy { $0.hasSuffix("0000000000000000") })
      // stdin, stdout, stderr and the directory that ls itself reads.
      #expect(lines.last == "4")
    }

    @Test(.enabled(if: isRoot && othersMayPassThroughRoot, "needs root, and a / that others may pass through"))
    func commandRunsAsItsUserWhoOwnsTheOutput() async throws {
      let harness = try Harness()
      let exit = try await harness.run("a", "id -un; id -gn; id -Gn", user: "nobody")
      #expect(exit.waitStatus == 0)
      #expect(harness.output(of: "a") == "nobody\nnogroup\nnogroup\n")
      var status = stat()
      #expect(stat("\(harness.directory)/sandbox-a/stdout", &status) == 0)
      #expect(status.st_uid == 65534)
    }

    @Test(.enabled(if: isRoot && othersMayPassThroughRoot, "needs root, and a / that others may pass through"))
    func userMayBeANumberWithoutAnEntryInTheUserDatabase() async throws {
      let harness = try Harness()
      _ = try await harness.run("a", "id -u; id -g; id -G", user: "54321")
      #expect(harness.output(of: "a") == "54321\n54321\n54321\n")
    }

    @Test(.enabled(if: mayLowerOOMScores, "needs CAP_SYS_RESOURCE"))
    func supervisorIsSafeFromTheMemoryKillerAndItsCommandIsNot() async throws {
      let harness = try Harness()
      let launched = try await harness.launch(harness.request("a", "cat /proc/self/oom_score_adj; exec sleep 600"))
        .get()
      #expect(try await harness.lines(of: "a", 1) == ["0"])
      #expect(read("/proc/\(launched.supervisorPID)/oom_score_adj") == "-1000\n")
      harness.containment.destroy("a")
      _ = try await harness.exit(of: "a")
    }

    @Test func supervisorKeepsNothingOfItsCommandsArguments() async throws {
      let harness = try Harness()
      func memory(_ id: String, arguments count: Int) async throws -> () -> Int? {
        var request = try harness.request(id, "exec sleep 600")
        request.command.arguments += [String](repeating: "x", count: count)
        let pid = try await harness.launch(request).get().supervisorPID
        return {
          let line = read("/proc/\(pid)/status")?.split(separator: "\n").first { $0.hasPrefix("VmSize:") }
          return line.flatMap { Int($0.filter(\.isNumber)) }
        }
      }
      let (few, many) = (try await memory("few", arguments: 1), try await memory("many", arguments: 20_000))
      try await eventually("both are as small") { few() != nil && few() == many() ? true : nil }
      for id in ["few", "many"] {
        harness.containment.destroy(id)
        _ = try await harness.exit(of: id)
      }
    }

    @Test func supervisorIgnoresWhatIsSentToEverybody() async throws {
      let harness = try Harness()
      let request = try harness.request("a", "read -r _ < gate; exit 3")
      let gate = try harness.addGate(to: request)
      let launched = try await harness.launch(request).get()
      for signal in [SIGTERM, SIGHUP, SIGINT, SIGPIPE] { kill(launched.supervisorPID, signal) }
      pass(gate)
      #expect(try await harness.exit(of: "a").waitStatus == 3 << 8)
    }
  }

  @Suite struct LaunchFailureTests {
    /// Launches and expects a failure that leaves nothing.
    private func failure(_ harness: Harness, _ request: LaunchRequest) async throws -> LaunchFailure {
      switch await harness.launch(request) {
      case .success:
        harness.containment.destroy(request.description.id)
        throw Overdue(description: "the launch succeeded")
      case .failure(let failure): return failure
      }
    }

    @Test func missingProgramIsNamed() async throws {
      let harness = try Harness()
      let request = try harness.request("a", program: "/no/such/program", ["x"])
      #expect(
        try await failure(harness, request)
          == LaunchFailure(step: .execute, message: "cannot execute '/no/such/program': No such file or directory"))
      // Nothing is left: the id can be used again.
      #expect(try await harness.run("a", "exit 0").waitStatus == 0)
      #expect(harness.exitCount(of: "a") == 1)
    }

    @Test func programWithoutPermissionIsNamed() async throws {
      let harness = try Harness()
      let request = try harness.request("a", program: "/etc/passwd", ["x"])
      #expect(
        try await failure(harness, request)
          == LaunchFailure(step: .execute, message: "cannot execute '/etc/passwd': Permission denied"))
    }

    @Test(arguments: [3, 20]) func environmentThatIsTooLargeIsTold(megabytes: Int) async throws {
      let harness = try Harness()
      var request = try harness.request("a", "exit 0")
      for number in 0..<megabytes * 16 {
        request.command.environment["V\(number)"] = String(repeating: "x", count: 1 << 16)
      }
      let failure = try await failure(harness, request)
      #expect(failure.step == .execute && failure.message.hasSuffix("Argument list too long"), "\(failure)")
    }

    @Test func missingWorkingDirectoryIsNamed() async throws {
      let harness = try Harness()
      var request = try harness.request("a", "exit 0")
      request.command.workingDirectory = "/no/such/directory"
      let failure = try await failure(harness, request)
      #expect(failure.step == .workingDirectory)
      #expect(failure.message.contains("/no/such/directory: No such file or directory"))
    }

    @Test func missingSandboxIsNamed() async throws {
      let harness = try Harness()
      var request = try harness.request("a", "exit 0")
      request.description.sandbox = "/no/such/sandbox"
      #expect(try await failure(harness, request).step == .sandbox)
    }

    @Test func unknownUserIsNamed() async throws {
      let harness = try Harness()
      let failure = try await failure(harness, harness.request("a", "exit 0", user: "no-such-user"))
      #expect(failure == LaunchFailure(step: .user, message: "there is no user 'no-such-user' on this agent"))
    }

    @Test(arguments: ["", ".", "..", "a/b", "a b", "a\n"]) func idThatNamesNoDirectoryIsRefused(id: String) async throws
    {
      let harness = try Harness()
      var request = try harness.request("a", "exit 0")
      request.description.id = id
      #expect(try await failure(harness, request).step == .plan)
    }

    @Test func idThatIsInUseIsRefused() async throws {
      let harness = try Harness()
      let request = try harness.request("a", "exec sleep 600")
      _ = try await harness.launch(request).get()
      #expect(try await failure(harness, request).message == "container a exists already")
      harness.containment.destroy("a")
      _ = try await harness.exit(of: "a")
    }

    @Test func argumentWithANulIsRefused() async throws {
      let harness = try Harness()
      let request = try harness.request("a", program: "/bin/echo", ["echo", "a\0b"])
      #expect(try await failure(harness, request).step == .execute)
    }

    @Test func outputThatIsALinkIsNotFollowed() async throws {
      let harness = try Harness()
      let request = try harness.request("a", "exit 0")
      let victim = "\(harness.directory)/victim"
      try #require(symlink(victim, "\(request.description.sandbox)/stdout") == 0)
      #expect(try await failure(harness, request).step == .sandbox)
      #expect(access(victim, F_OK) != 0)
    }

    @Test func outputThatIsAFifoDoesNotBlock() async throws {
      let harness = try Harness()
      let request = try harness.request("a", "exit 0")
      try #require(mkfifo("\(request.description.sandbox)/stderr", 0o600) == 0)
      #expect(try await failure(harness, request).step == .sandbox)
    }

    @Test func outputWithASecondNameIsNotGivenAway() async throws {
      let harness = try Harness()
      let request = try harness.request("a", "exit 0")
      let victim = "\(harness.directory)/victim"
      close(open(victim, O_WRONLY | O_CREAT, 0o600))
      try #require(link(victim, "\(request.description.sandbox)/stdout") == 0)
      #expect(try await failure(harness, request).step == .sandbox)
    }
  }
}
