import ModuleHost

/// Containers as an agent may have them, and as it hardly ever will.
enum SampleContainer {
  static let controllers = ["cpu", "cpuset", "hugetlb", "io", "memory", "pids"]

  static func node(_ controllers: [String] = controllers) -> NodeDescription {
    NodeDescription(cpus: 8000, memoryBytes: 16 << 30, controllers: controllers)
  }

  static let usual = ContainerDescription(
    id: "0d7a3f0e-6f0a-4c1c-9f5f-3c8a1f0f9a11", frameworkID: "4ad7c3a2-0000", executorID: "task-1", role: "dev",
    user: "nobody", sandbox: "/tmp", isCommandTask: true,
    requests: [.init(name: "cpus", value: 2000), .init(name: "mem", value: 1_024_000)])

  static let usualContent = "usage_usec 1200\nuser_usec 800\nsystem_usec 400\nanon 4096\nfile 8192\n"

  /// What a file of a cgroup may hold; nil is a file that is not there.
  static let cgroupContents: [String?] = [
    usualContent, nil, "", "\n", "max\n", "-1\n", "18446744073709551615\n", "99999999999999999999999999\n",
    "anon\nfile \n 7 7 7\n", "a b c d\u{0}e", String(repeating: "x", count: 1 << 16),
    String(repeating: "anon 1\n", count: 20_000), "8:0 rbytes=1 wbytes=2 rios=3\n8:16 rbytes\n",
    "some avg10=0.00 avg60=1.50 avg300=nan total=-4\nfull\n",
  ]

  static func random(_ seed: UInt64) -> ContainerDescription {
    var random = SeededGenerator(seed)
    func text(_ texts: [String]) -> String { texts.randomElement(using: &random) ?? "" }
    func amounts(_ names: [String]) -> [ContainerDescription.Amount] {
      names.filter { _ in random.chance(60) }.map { name in
        let odd: [Int64] = [0, 1, -1, .max, .max - 1, .min, 1 << 53]
        let value = random.chance(20) ? odd.randomElement(using: &random) ?? 0 : Int64(random.number(1...64_000_000))
        return .init(name: name, value: value)
      }
    }
    var container = usual
    container.id = text([usual.id, "a", String(repeating: "c", count: 200), "w\u{00EF}de-\u{1F4E6}"])
    container.frameworkID = text(["4ad7c3a2-0000", "", "f ' \" \\ %s"])
    container.executorID = text(["task-1", "", "e:1 e", String(repeating: "e", count: 255)])
    container.role = text(["dev", "*", "a/b/c", ""])
    container.user = text(["nobody", "root", ""])
    container.sandbox = text(["/tmp", "/", "/tmp/\(String(repeating: "d", count: 1000))"])
    container.isCommandTask = random.chance(50)
    container.requests = amounts(["cpus", "mem", "disk", "gpus", "\u{00FC}nits", ""])
    container.limits = amounts(["cpus", "mem", "disk"])
    container.isPod = random.chance(20)
    container.parentID = random.chance(30) ? text([usual.id, "p", String(repeating: "p", count: 200)]) : ""
    container.sharesLimits = random.chance(20)
    container.hasOwnRoot = random.chance(30)
    container.wishes = wishes(&random)
    return container
  }

  /// What a task asks for: mostly nothing, else what may be had or what nobody grants.
  private static func wishes(_ random: inout SeededGenerator) -> ContainerDescription.Wishes {
    func text(_ texts: [String]) -> String { random.chance(40) ? texts.randomElement(using: &random) ?? "" : "" }
    func capabilities() -> UInt64? {
      random.chance(30) ? [0, 1 << 10, 0xa804_25fb, 1 << 41, .max].randomElement(using: &random) : nil
    }
    var wishes = ContainerDescription.Wishes()
    wishes.effectiveCapabilities = capabilities()
    wishes.boundingCapabilities = capabilities()
    wishes.isUnconfined = random.chance(10)
    wishes.seccompProfile = text(["default.json", ".", "../profile", String(repeating: "s", count: 400)])
    wishes.hostname = text([
      "mesa", "w\u{00EF}de", String(repeating: "h", count: 64), String(repeating: "h", count: 300),
    ])
    wishes.shmBytes = random.chance(30) ? [1, 64 << 20, .max, -1].randomElement(using: &random) ?? 0 : 0
    wishes.sharesHostPID = random.chance(10)
    wishes.sharesHostIPC = random.chance(10)
    return wishes
  }
}
