import ArgumentParser
import Containment
import Glibc
import ModuleHost

/// Directories with files as in cgroups, and containers that seem to run in them: the process of each is this one.
struct FakeGroups {
  let directory: String
  let ids: [String]

  var root: String { "\(directory)/groups" }

  init(count: Int) throws {
    var template = Array("/tmp/tepui-bench.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw ValidationError("cannot make a directory in /tmp") }
    directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    ids = (0..<count).map { "container-\($0)" }
    for path in [root, "\(directory)/state", "\(directory)/sandbox"] { mkdir(path, 0o755) }
    try write("cpu io memory pids\n", to: "\(root)/cgroup.controllers")
    try write("cpu io memory pids\n", to: "\(root)/cgroup.subtree_control")
    let record = try Self.launchRecord()
    for id in ids {
      mkdir("\(root)/\(id)", 0o755)
      mkdir("\(root)/\(id)/leaf", 0o755)
      for (file, content) in Self.files { try write(content, to: "\(root)/\(id)/\(file)") }
      mkdir("\(directory)/state/\(id)", 0o755)
      try write(record, to: "\(directory)/state/\(id)/launch")
    }
  }

  func remove() { _ = system("rm -rf '\(directory)'") }

  func request(_ id: String) -> LaunchRequest {
    LaunchRequest(
      description: ContainerDescription(
        id: id, frameworkID: "framework", executorID: id, role: "*", user: "root", sandbox: "\(directory)/sandbox",
        isCommandTask: true, requests: [.init(name: "cpus", value: 100), .init(name: "mem", value: 64_000)]),
      command: .init(program: "/bin/true", arguments: ["true"], environment: [:], user: nil, workingDirectory: "/"),
      stateDirectory: "\(directory)/state/\(id)")
  }

  /// As containment writes it for a container whose supervisor and command are this process.
  private static func launchRecord() throws -> String {
    guard let boot = read("/proc/sys/kernel/random/boot_id"), let stat = read("/proc/self/stat"),
      let end = stat.lastIndex(of: ")")
    else { throw ValidationError("/proc is not mounted") }
    // The 22nd field; the 3rd follows the name of the program.
    let startTime = stat[stat.index(after: end)...].split(separator: " ")[19]
    return "tepui-launch 1\nboot \(boot)supervisor \(getpid()) \(startTime)\ncommand \(getpid()) \(startTime)\n"
  }

  private static func read(_ path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes.prefix(count), as: UTF8.self)
  }

  private func write(_ text: String, to path: String) throws {
    guard let file = fopen(path, "w") else { throw ValidationError("cannot write \(path)") }
    fputs(text, file)
    fclose(file)
  }

  private static let pressure =
    "some avg10=1.50 avg60=0.25 avg300=0.00 total=3000000\n"
    + "full avg10=1.00 avg60=0.00 avg300=0.00 total=2000000\n"
  private static let memoryStat = [
    "anon 41500672", "file 1204224", "kernel 1064960", "kernel_stack 98304", "pagetables 200704", "sec_pagetables 0",
    "percpu 0", "sock 4096", "vmalloc 12288", "shmem 0", "zswap 0", "zswapped 0", "file_mapped 540672",
    "file_dirty 0", "file_writeback 0", "swapcached 0", "anon_thp 0", "file_thp 0", "shmem_thp 0",
    "inactive_anon 41533440", "active_anon 8192", "inactive_file 1085440", "active_file 118784", "unevictable 0",
    "slab_reclaimable 238288", "slab_unreclaimable 436280", "slab 674568", "workingset_refault_anon 0",
    "workingset_refault_file 0", "workingset_activate_anon 0", "workingset_activate_file 0", "pgscan 0", "pgsteal 0",
    "pgfault 32547", "pgmajfault 3", "pgrefill 0", "pgactivate 19", "pgdeactivate 0", "pglazyfree 0",
    "pglazyfreed 0", "zswpin 0", "zswpout 0", "thp_fault_alloc 0", "thp_collapse_alloc 0",
  ]
  private static let files = [
    "cgroup.events": "populated 1\nfrozen 0\n", "cpu.max": "10000 100000\n",
    "cpu.stat": "usage_usec 3500000\nuser_usec 2000000\nsystem_usec 1500000\nnr_periods 700\nnr_throttled 20\n"
      + "throttled_usec 250000\nnr_bursts 0\nburst_usec 0\n",
    "cpu.pressure": pressure, "memory.pressure": pressure, "io.pressure": pressure,
    "memory.current": "43778048\n", "memory.swap.current": "0\n", "memory.max": "67108864\n",
    "memory.low": "67108864\n", "memory.peak": "50000000\n",
    "memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n",
    "memory.events.local": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n",
    "memory.stat": memoryStat.joined(separator: "\n") + "\n", "pids.current": "5\n", "pids.max": "4096\n",
    "pids.events": "max 0\n",
    "io.stat": "254:0 rbytes=1048576 wbytes=2097152 rios=100 wios=200 dbytes=0 dios=0\n",
    "leaf/cgroup.procs": "17\n18\n19\n20\n", "leaf/cgroup.threads": "17\n18\n19\n20\n21\n",
  ]
}
