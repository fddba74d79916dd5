import Containment
import Glibc
import ModuleHost
import Testing

/// Every limit for every kind of container, with what is used within five per cent of it.
extension ContainmentTests.LimitTests {
  enum Kind: CaseIterable, CustomTestStringConvertible {
    case commandTask, customExecutor

    var testDescription: String { self == .commandTask ? "command task" : "custom executor" }
  }

  private func launch(
    _ kind: Kind, _ harness: Harness, _ script: String, cpus: Int64 = 1000, mem: Int64 = 64
  ) async throws {
    var request = try request(harness, "a", script, cpus: cpus, mem: mem)
    request.description.isCommandTask = kind == .commandTask
    _ = try await harness.launch(request).get()
  }

  @Test(arguments: Kind.allCases) func cpuIsHeld(kind: Kind) async throws {
    let harness = try Enforcement.harness()
    try await launch(kind, harness, "echo up; while :; do :; done", cpus: 300)
    _ = try await harness.lines(of: "a", 1)
    let clock = ContinuousClock()
    let (start, before) = (clock.now, try #require(number("a", "cpu.stat", "usage_usec")))
    usleep(3_000_000)
    let (elapsed, after) = (clock.now - start, try #require(number("a", "cpu.stat", "usage_usec")))
    let used = Double(after - before) / 1e6 / (elapsed / .seconds(1))
    #expect(abs(used - 0.3) <= 0.015, "used \(used) CPUs")
    let usage = await harness.usage("a")
    #expect(usage["cpus_nr_throttled"] ?? 0 > 0 && usage["cpus_limit"] == 0.3)
    harness.containment.destroy("a")
    _ = try await harness.exit(of: "a")
  }

  @Test(arguments: Kind.allCases) func memoryIsHeld(kind: Kind) async throws {
    let harness = try Enforcement.harness()
    try await launch(kind, harness, Self.hog, mem: 96)
    let limitation = try #require(try await harness.exit(of: "a").limitation)
    #expect(limitation.kind == .memory)
    let peak = try #require(
      limitation.message.split(separator: "memory.peak ").last?.prefix { $0.isNumber }
    ).description
    #expect(abs((Double(peak) ?? 0) / Double(96 << 20) - 1) <= 0.05, "\(limitation.message)")
  }

  @Test(
    .enabled(if: getenv("GUEST") != nil, "needs a disk to swap to, which a guest has"), arguments: Kind.allCases)
  func swapIsHeld(kind: Kind) async throws {
    try #require(system("mkswap /dev/ram0 > /dev/null 2>&1 && swapon /dev/ram0") == 0)
    defer { _ = system("swapoff /dev/ram0") }
    let limit = 32 << 20
    let harness = try Enforcement.harness(parameters: #"{"swap": true, "swap_mb": 32}"#)
    // Memory and swap together take it, each alone would not.
    try await launch(kind, harness, "cat /dev/zero | tail -c 84000000", mem: 64)
    try await eventually("swap is in use") { (number("a", "memory.swap.current") ?? 0) > 12_000_000 ? true : nil }
    #expect((number("a", "memory.swap.current") ?? 0) <= limit)
    #expect(await harness.usage("a")["mem_swap_bytes"] ?? 0 > 0)
    harness.containment.destroy("a")
    #expect(try await harness.exit(of: "a").limitation == nil)

    // A hog comes as far as memory and swap go, and no farther.
    var most = 0
    try await launch(kind, harness, Self.ownHog, mem: 64)
    let exit: ContainerExit = try await eventually("the hog ends") {
      most = max(most, number("a", "memory.swap.current") ?? 0)
      return harness.exitCount(of: "a") == 2 ? harness.lastExit(of: "a") : nil
    }
    #expect(exit.limitation?.kind == .memory)
    #expect(abs(Double(most) / Double(limit) - 1) <= 0.05, "\(most) bytes of swap")
  }

  @Test(arguments: Kind.allCases) func processesAreHeld(kind: Kind) async throws {
    let harness = try Enforcement.harness(parameters: #"{"pids_max": 20}"#)
    // Not a bomb of shells: a shell that cannot fork ends, and so a small bomb dies out.
    let bomb = """
      exec perl -e '$| = 1; print "up\\n"; for (;;) {
        my $child = fork;
        if (!defined $child) { select undef, undef, undef, 0.01 } elsif (!$child) { sleep 600; exit }
      }'
      """
    try await launch(kind, harness, bomb)
    try await eventually("the bomb meets its limit") { (number("a", "pids.events", "max") ?? 0) > 10 ? true : nil }
    // One of the twenty is the agent's own supervisor.
    let usage = await harness.usage("a")
    #expect(usage["processes_limit"] == 20)
    #expect((usage["processes"] ?? 99) <= 19 && number("a", "pids.peak") ?? 20 == 20)
    harness.containment.destroy("a")
    _ = try await harness.exit(of: "a")
  }

  @Test(
    .enabled(if: getenv("GUEST") != nil, "needs a disk to write to, which a guest has"), arguments: Kind.allCases)
  func writingToADiskIsHeld(kind: Kind) async throws {
    let harness = try Enforcement.harness(parameters: #"{"io_max": "/dev/ram1 wbps=4194304"}"#)
    // Slow by the limit, not by the processor: the CPUs are not bounded here.
    try await launch(
      kind, harness, "dd if=/dev/zero of=/dev/ram1 bs=64k count=4096 oflag=direct 2>/dev/null & echo up; wait")
    _ = try await harness.lines(of: "a", 1)
    let written = { await harness.usage("a").first { $0.key.hasSuffix("io_service_bytes/WRITE") }?.value ?? 0 }
    while await written() < 1e6 { usleep(2000) }
    let clock = ContinuousClock()
    let (start, before) = (clock.now, await written())
    usleep(5_000_000)
    let (elapsed, after) = (clock.now - start, await written())
    let rate = (after - before) / (elapsed / .seconds(1))
    #expect(abs(rate / 4_194_304 - 1) <= 0.05, "\(rate) bytes a second")
    harness.containment.destroy("a")
    _ = try await harness.exit(of: "a")
  }
}
