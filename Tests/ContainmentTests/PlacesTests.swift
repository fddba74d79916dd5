import Containment
import Foundation
import ModuleHost
import Testing

extension ContainmentTests {
  /// Volumes, root file systems and mounts, and what may be tried to lead them elsewhere.
  @Suite(.enabled(if: isRoot && rootIsAMount, "mounts need root and a / that is a mount")) struct PlacesTests {
    private func harness(_ entries: PlanEntry..., directory: String? = nil) throws -> Harness {
      try Harness([PlannedIsolator("a", [.namespaces(.mount)] + entries)], directory: directory)
    }

    private func failure(_ harness: Harness, _ request: LaunchRequest) async throws -> LaunchFailure {
      guard case .failure(let failure) = await harness.launch(request) else {
        harness.containment.destroy(request.description.id)
        throw Overdue(description: "the launch succeeded")
      }
      return failure
    }

    private func run(_ harness: Harness, _ request: LaunchRequest) async throws -> ContainerExit {
      _ = try await harness.launch(request).get()
      return try await harness.exit(of: request.description.id)
    }

    /// A root file system with a shell.
    private func makeRoot() throws -> String {
      let root = try Harness.makeDirectory()
      for folder in ["bin", "etc", "proc", "dev", "sys", "tmp"] { mkdir("\(root)/\(folder)", 0o755) }
      for name in ["sh", "ls", "head", "touch"] {
        let program = "/bin/\(name)"
        let source = access(program, X_OK) == 0 ? program : "/usr/bin/\(name)"
        try FileManager.default.copyItem(
          atPath: URL(filePath: source).resolvingSymlinksInPath().path, toPath: root + program)
        for library in try libraries(of: source) where access(root + library, F_OK) != 0 {
          try FileManager.default.createDirectory(
            atPath: root + URL(filePath: library).deletingLastPathComponent().path, withIntermediateDirectories: true)
          try FileManager.default.copyItem(
            atPath: URL(filePath: library).resolvingSymlinksInPath().path, toPath: root + library)
        }
      }
      return root
    }

    private func libraries(of program: String) throws -> [String] {
      let pipe = try #require(popen("ldd \(program)", "r"))
      defer { pclose(pipe) }
      var text = ""
      var line = [CChar](repeating: 0, count: 4096)
      while fgets(&line, Int32(line.count), pipe) != nil {
        text += String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      }
      return text.split(whereSeparator: { $0 == " " || $0 == "\n" || $0 == "\t" }).filter { $0.hasPrefix("/") }.map(
        String.init)
    }

    @Test func hostPathIsSeenAtItsPlaceAndReadOnlyIfAskedFor() async throws {
      let harness = try harness()
      let shared = try Harness.makeDirectory()
      var request = try harness.request(
        "c", "echo a > rw/file; echo b > /mnt/file; cat /mnt/file; touch ro/x || exit 7")
      request.volumes = [
        .init(.host(shared), at: "rw", isReadOnly: false), .init(.host(shared), at: "/mnt", isReadOnly: false),
        .init(.host(shared), at: "ro", isReadOnly: true),
      ]
      #expect(try await run(harness, request).waitStatus == 7 << 8)
      #expect(harness.output(of: "c") == "b\n")
      #expect(read("\(shared)/file") == "b\n" && access("/mnt/file", F_OK) != 0)
      #expect(harness.output(of: "c", "stderr").contains("Read-only file system"))
    }

    @Test func hostPathMayBeAFile() async throws {
      let harness = try harness()
      var request = try harness.request("c", "cat names")
      request.volumes = [.init(.host("/etc/passwd"), at: "names", isReadOnly: true)]
      _ = try await run(harness, request)
      #expect(harness.output(of: "c") == read("/etc/passwd"))
    }

    @Test func mountLeadsNoLaterOneElsewhere() async throws {
      let harness = try harness()
      let shared = try Harness.makeDirectory()
      var request = try harness.request("c", "cat in/file; cat \(shared)/inner/file")
      #expect(
        system(
          """
          mkdir -p '\(shared)/inner' '\(request.description.sandbox)/trap/inner'
          echo true > '\(shared)/inner/file'; echo false > '\(request.description.sandbox)/trap/inner/file'
          """) == 0)
      request.volumes = [
        .init(.sandbox("trap"), at: shared, isReadOnly: false),
        .init(.host("\(shared)/inner"), at: "in", isReadOnly: true),
      ]
      #expect(try await run(harness, request).waitStatus == 0)
      #expect(harness.output(of: "c") == "true\nfalse\n")
    }

    @Test func partOfTheSandboxIsMadeAndSeenElsewhere() async throws {
      let harness = try harness()
      var request = try harness.request("c", "echo x > /mnt/file; ls -d data/deep")
      request.volumes = [.init(.sandbox("data/deep"), at: "/mnt", isReadOnly: false)]
      _ = try await run(harness, request)
      #expect(harness.output(of: "c") == "data/deep\n")
      #expect(read("\(request.description.sandbox)/data/deep/file") == "x\n")
    }

    @Test func withoutAMountNamespaceAVolumeIsALink() async throws {
      let harness = try Harness()
      let shared = try Harness.makeDirectory()
      var request = try harness.request("c", "echo x > deep/link/file")
      request.volumes = [.init(.host(shared), at: "deep/link", isReadOnly: false)]
      _ = try await run(harness, request)
      #expect(read("\(shared)/file") == "x\n")
      request = try harness.request("d", "exit 0")
      request.volumes = [.init(.host(shared), at: "ro", isReadOnly: true)]
      let failure = try await failure(harness, request)
      #expect(failure.step == .mount)
      #expect(
        failure.message
          == "the volume at ro needs a mount namespace: activate the isolator 'namespaces' in --isolation")
    }

    @Test func hostPathThatIsMissingIsNamed() async throws {
      let harness = try harness()
      var request = try harness.request("c", "exit 0")
      request.volumes = [.init(.host("/no/such/path"), at: "data", isReadOnly: false)]
      let failure = try await failure(harness, request)
      #expect(failure.step == .mount)
      #expect(
        failure.message
          == "the volume at data: cannot find the host's path /no/such/path: No such file or directory")
    }

    @Test(arguments: ["trap", "trap/x", "deep/trap/x"])
    func linkInTheSandboxLeadsNoVolumeElsewhere(path: String) async throws {
      let outside = try Harness.makeDirectory()
      for isSource in [false, true] {
        let harness = try harness()
        var request = try harness.request("c", "exit 0")
        let sandbox = request.description.sandbox
        mkdir("\(sandbox)/deep", 0o755)
        try #require(symlink(outside, "\(sandbox)/trap") == 0 && symlink(outside, "\(sandbox)/deep/trap") == 0)
        request.volumes = [
          isSource
            ? .init(.sandbox(path), at: "/mnt", isReadOnly: false)
            : .init(.host("/usr"), at: path, isReadOnly: true)
        ]
        #expect(try await failure(harness, request).step == .mount)
        #expect(access("\(outside)/x", F_OK) != 0)
      }
    }

    @Test func linkWhereOthersMayWriteIsNoVolume() async throws {
      let shared = try Harness.makeDirectory()
      mkdir("\(shared)/real", 0o755)
      try #require(symlink("/usr", "\(shared)/link") == 0)
      let harness = try harness()
      var request = try harness.request("c", "exit 0")
      request.volumes = [.init(.hostWithoutLinks("\(shared)/real"), at: "/mnt", isReadOnly: false)]
      #expect(try await run(harness, request).waitStatus == 0)
      for path in ["link", "link/bin"] {
        request = try harness.request("d", "exit 0")
        request.volumes = [.init(.hostWithoutLinks("\(shared)/\(path)"), at: "/mnt", isReadOnly: false)]
        let failure = try await failure(harness, request)
        #expect(failure.step == .mount)
        #expect(failure.message == "cannot mount \(shared)/\(path) at /mnt: Too many levels of symbolic links")
      }
    }

    @Test func containerHasItsOwnRootReadOnlyWithWhatProgramsNeed() async throws {
      let root = try makeRoot()
      let harness = try harness(.namespaces(.pid))
      var request = try harness.request(
        "c",
        "ls / | head -n 3; pwd; echo $$; echo x > /dev/null && echo y > /tmp/t && echo z > here; touch /new || exit 9")
      request.command.workingDirectory = "/mnt/mesos/sandbox"
      request.root = root
      #expect(try await run(harness, request).waitStatus == 9 << 8)
      let lines = harness.output(of: "c").split(separator: "\n")
      #expect(lines.contains("/mnt/mesos/sandbox") && lines.contains("2"), "\(lines)")
      #expect(read("\(request.description.sandbox)/here") == "z\n")
      #expect(read("\(request.description.sandbox)/tmp/t") == "y\n")
      #expect(access("\(root)/new", F_OK) != 0 && access("\(root)/dev/null", F_OK) != 0)
    }

    @Test(arguments: [false, true])
    func rootInAnOwnRootCannotChangeTheKernel(hasPlannedProc: Bool) async throws {
      let proc = PlanEntry.mount(.init(type: "proc", source: "proc", target: "/proc"))
      let harness = try Harness([
        PlannedIsolator("a", [.namespaces([.mount, .pid])] + (hasPlannedProc ? [proc] : []))
      ])
      // Opening is enough to tell; nothing is written.
      var request = try harness.request(
        "c",
        """
        (: >> /proc/self/comm) && echo own
        for file in /proc/sys/kernel/hostname /proc/sys/vm/drop_caches /proc/sysrq-trigger /proc/irq/default_smp_affinity
        do (: >> $file) 2>/dev/null && echo $file can be written; done
        for file in kcore keys timer_list sched_debug; do test -e /proc/$file && head -c 1 /proc/$file; done
        for folder in /proc/scsi /proc/asound /sys/firmware; do test -d $folder && ls $folder; done
        head -c 1 /proc/sys/kernel/ostype
        """)
      request.root = try makeRoot()
      request.command.workingDirectory = "/mnt/mesos/sandbox"
      #expect(try await run(harness, request).waitStatus == 0)
      #expect(harness.output(of: "c") == "own\nL")
    }

    private func mounts(_ harness: Harness, _ id: String) async -> ContainerMounts? {
      await withCheckedContinuation { done in harness.containment.mounts(of: id) { done.resume(returning: $0) } }
    }

    @Test func aRunningContainerGetsDirectoriesBelowItsSandbox() async throws {
      let data = try Harness.makeDirectory()
      let harness = try harness()
      var request = try harness.request("c", "until test -e deep/data/go; do :; done; echo x > deep/data/new")
      request.command.workingDirectory = "/mnt/mesos/sandbox"
      request.root = try makeRoot()
      let launched = try await harness.launch(request).get()
      let sandbox = request.description.sandbox
      let mounts = try #require(await mounts(harness, "c"))
      let owner = try #require(UserAccount("nobody"))
      // What is seen there already stays.
      for _ in 1...2 { try mounts.bind(data, at: "deep/data", below: "/mnt/mesos/sandbox", for: owner) }
      let seen = read("/proc/\(launched.pid)/mountinfo") ?? ""
      #expect(seen.split(separator: "\n").count { $0.contains(" /mnt/mesos/sandbox/deep/data ") } == 1)
      try Data().write(to: URL(filePath: "\(data)/go"))
      #expect(try await harness.exit(of: "c").waitStatus == 0)
      #expect(read("\(data)/new") == "x\n")
      // Nobody else sees it.
      #expect(try FileManager.default.contentsOfDirectory(atPath: "\(sandbox)/deep/data").isEmpty)
      var status = stat()
      #expect(stat("\(sandbox)/deep", &status) == 0 && status.st_uid == owner.uid)
    }

    @Test func linkInTheSandboxLeadsNoAddedDirectoryElsewhere() async throws {
      let outside = try Harness.makeDirectory()
      let harness = try harness()
      var request = try harness.request("c", "until test -e go; do :; done")
      request.command.workingDirectory = "/mnt/mesos/sandbox"
      request.root = try makeRoot()
      let sandbox = request.description.sandbox
      try #require(symlink(outside, "\(sandbox)/trap") == 0)
      _ = try await harness.launch(request).get()
      let mounts = try #require(await mounts(harness, "c"))
      for (path, problem) in [("trap", "Not a directory"), ("trap/x", "Not a directory")] {
        let failure = #expect(throws: ContainmentFailure.self) {
          try mounts.bind(outside, at: path, below: "/mnt/mesos/sandbox", for: nil)
        }
        #expect(failure?.message == "cannot mount \(outside) at \(path) in the sandbox: \(problem)")
      }
      #expect(access("\(outside)/x", F_OK) != 0)
      try Data().write(to: URL(filePath: "\(sandbox)/go"))
      _ = try await harness.exit(of: "c")
      #expect(await self.mounts(harness, "nobody") == nil)
    }

    @Test func linksOfARootFileSystemLeadNowhereElse() async throws {
      let root = try makeRoot()
      let outside = try Harness.makeDirectory()
      try #require(symlink(outside, "\(root)/escape") == 0 && symlink("../../../../..\(outside)", "\(root)/up") == 0)
      for path in ["/escape/x", "/up/x"] {
        let harness = try harness()
        var request = try harness.request("c", "exit 0")
        request.root = root
        request.volumes = [.init(.host("/usr"), at: path, isReadOnly: true)]
        let failure = try await failure(harness, request)
        // The directory is not there, seen from that root.
        #expect(failure.step == .mount)
        #expect(failure.message == "cannot mount /usr at \(path): No such file or directory")
        #expect(access("\(outside)/x", F_OK) != 0, "\(path)")
      }
    }

    @Test func whatIsMountedAtProcLeadsTheSupervisorNowhere() async throws {
      let harness = try harness()
      let victim = "\(harness.directory)/victim"
      var request = try harness.request("c", "exit 0")
      let trap = "\(request.description.sandbox)/trap"
      #expect(system("echo unharmed > '\(victim)'; mkdir -p '\(trap)/self'") == 0)
      try #require(symlink(victim, "\(trap)/self/oom_score_adj") == 0)
      request.volumes = [.init(.sandbox("trap"), at: "/proc", isReadOnly: false)]
      #expect(try await run(harness, request).waitStatus == 0)
      #expect(read(victim) == "unharmed\n")
    }

    @Test func rootFileSystemThatIsMissingIsNamed() async throws {
      let harness = try harness()
      var request = try harness.request("c", "exit 0")
      request.root = "/no/such/root"
      let missing = try await failure(harness, request)
      #expect(missing.step == .root)
      #expect(missing.message == "the root file system /no/such/root is not a directory on this agent")
      let bare = try Harness()
      request = try bare.request("c", "exit 0")
      request.root = "/usr"
      let refused = try await failure(bare, request)
      #expect(refused.step == .root && refused.message.contains("activate the isolator 'namespaces'"))
    }

    @Test func mountThatTheKernelRefusesIsNamed() async throws {
      let harness = try harness(.mount(.init(type: "nosuchfs", source: "nosuchfs", target: "/mnt")))
      let failure = try await failure(harness, harness.request("c", "exit 0"))
      #expect(failure.step == .mount && failure.message == "cannot mount nosuchfs at /mnt: No such device")
    }

    @Test func hostsNameIsTheContainersOwn() async throws {
      let harness = try harness(.namespaces(.uts), .hostname("mesa"))
      _ = try await harness.run("c", "cat /proc/sys/kernel/hostname")
      #expect(harness.output(of: "c") == "mesa\n")
      #expect(read("/proc/sys/kernel/hostname") != "mesa\n")
    }
  }
}
