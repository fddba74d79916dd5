// swift-tools-version: 6.2
import PackageDescription

// Every dependency, and why it is here:
// - swift-nio: sockets and HTTP/1.1 for the three streaming APIs; measured at a third of the CPU of a full web framework.
// - swift-protobuf: the Mesos v1 messages, binary and JSON. The generated code is committed, so protoc is not needed.
// - swift-argument-parser: flags of the programs.
// - swift-collections: the heap of deadlines, the queues of updates, the trees that snapshots share.
// - swift-log: one logging interface for all rooms.
// - libltdl (Debian: libltdl-dev): loads the modules.
// - SQLite (Debian: libsqlite3-dev): checkpoints of the agent, registry of the master.
// - RE2 (Debian: libre2-dev): regexes of offer constraints, whose syntax is RE2's; linear in time, so that no framework
//   can hang the master with one, which Swift's own Regex does not promise.
// - Lua (Debian: liblua5.4-dev): policies that are scripts, changed while the master runs. Only the module lua links it;
//   5.4 is the version that Debian's stable and old stable releases share, and whose interpreter counts instructions.
// - libseccomp and jansson (Debian: libseccomp-dev, libjansson-dev): the module Seccomp alone; its profiles are JSON.

/// Settings of all our own Swift targets: a warning is an error.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]
let strictC: [CSetting] = [.unsafeFlags(["-Wall", "-Wextra", "-Werror", "-std=c11"])]

let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let collections: [Target.Dependency] = ["HeapModule", "DequeModule", "HashTreeCollections"].map {
  .product(name: $0, package: "swift-collections")
}
let nio: [Target.Dependency] = ["NIOCore", "NIOPosix", "NIOHTTP1"].map { .product(name: $0, package: "swift-nio") }

/// A module exports its entry symbol and nothing else, and finds libraries where the daemons have theirs.
let moduleLinking = [
  "-Xlinker", "--version-script=\(Context.packageDirectory)/SDK/module.map", "-no-toolchain-stdlib-rpath",
]

/// An installed program finds the Swift runtime beside the modules (see Sources/install).
let runtime: [LinkerSetting] = [.unsafeFlags(["-Xlinker", "-rpath", "-Xlinker", "$ORIGIN/../lib/tepui"])]

/// A module written in C: it links neither the Swift runtime (see SDK/module.c) nor anything of ours.
func cModule(_ name: String, exclude: [String] = [], libraries: [String] = []) -> Target {
  .target(
    name: name, dependencies: ["CTepui"], path: "Modules/\(name)", exclude: ["README.md"] + exclude,
    cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror", "-std=c11", "-fvisibility=hidden"])],
    linkerSettings: [.unsafeFlags(moduleLinking + ["-nostartfiles"])] + libraries.map { .linkedLibrary($0) })
}

/// A module written in C++: as one in C, without the C++ library, so that it loads wherever libc is.
func cxxModule(_ name: String) -> Target {
  .target(
    name: name, dependencies: ["CTepui"], path: "Modules/\(name)", exclude: ["README.md"],
    cxxSettings: [
      .unsafeFlags([
        "-Wall", "-Wextra", "-Werror", "-std=c++17", "-fvisibility=hidden", "-fno-exceptions", "-fno-rtti",
      ])
    ],
    linkerSettings: [.unsafeFlags(moduleLinking + ["-nostartfiles"])])
}

/// A module written in Swift with the SDK's Swift library.
func swiftModule(_ name: String) -> Target {
  .target(
    name: name, dependencies: ["TepuiModule"], path: "Modules/\(name)", exclude: ["README.md"], swiftSettings: strict,
    linkerSettings: [.unsafeFlags(moduleLinking)])
}

let package = Package(
  name: "tepui",
  products: [
    .executable(name: "tepui-master", targets: ["tepui-master"]),
    .executable(name: "tepui-agent", targets: ["tepui-agent"]),
    .executable(name: "tepui", targets: ["tepui"]),
    .executable(name: "tepui-module", targets: ["tepui-module"]),
    .executable(name: "tepui-supervisor", targets: ["tepui-supervisor"]),
    .executable(name: "tepui-fetcher", targets: ["tepui-fetcher"]),
    .executable(name: "tepui-walkthrough", targets: ["tepui-walkthrough"]),
    .library(name: "TepuiModule", targets: ["TepuiModule"]),
    .library(name: "drf", type: .dynamic, targets: ["DRF"]),
    .library(name: "strict-priority", type: .dynamic, targets: ["StrictPriority"]),
    .library(name: "binpack", type: .dynamic, targets: ["BinPack"]),
    .library(name: "lua", type: .dynamic, targets: ["Lua"]),
    .library(name: "cgroups", type: .dynamic, targets: ["Cgroups"]),
    .library(name: "posix", type: .dynamic, targets: ["Posix"]),
    .library(name: "rlimits", type: .dynamic, targets: ["RLimits"]),
    .library(name: "disk", type: .dynamic, targets: ["Disk"]),
    .library(name: "namespaces", type: .dynamic, targets: ["Namespaces"]),
    .library(name: "privileges", type: .dynamic, targets: ["Privileges"]),
    .library(name: "seccomp", type: .dynamic, targets: ["Seccomp"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.3.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
  ],
  targets: [
    // SDK: the contract with modules, and what Swift authors write against.
    .target(
      name: "CTepui", path: "SDK",
      exclude: ["Package.swift", "Swift", "templates", "README.md", "ABI.md", "ISOLATORS.md", "module.map"],
      sources: ["module.c"]),
    .target(name: "TepuiModule", dependencies: ["CTepui"], path: "SDK/Swift", swiftSettings: strict),

    // Modules: one shared library each.
    swiftModule("DRF"), cModule("StrictPriority"), cxxModule("BinPack"), cModule("Cgroups"), cModule("Posix"),
    cModule("RLimits"), cModule("Disk"), cModule("Namespaces"), cModule("Privileges"),
    cModule("Lua", exclude: ["examples"], libraries: ["lua5.4"]),
    // By the file's own name: the module's is libseccomp.so.
    cModule("Seccomp", libraries: [":libseccomp.so.2", "jansson"]),

    // Pure rooms.
    .target(name: "Resources", swiftSettings: strict),
    .target(
      name: "Wire", dependencies: [protobuf, "Resources"], exclude: ["Protos", "generate"], swiftSettings: strict),
    .target(name: "Allocation", dependencies: ["Resources", "CTepui"] + collections, swiftSettings: strict),
    .target(
      name: "MasterCore", dependencies: ["Resources", "Wire", "Allocation", protobuf] + collections,
      swiftSettings: strict),
    .target(name: "AgentCore", dependencies: ["Resources", "Wire", protobuf] + collections, swiftSettings: strict),

    // Rooms that touch the machine.
    .systemLibrary(name: "CLtdl", providers: [.apt(["libltdl-dev"])]),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .target(
      name: "ModuleHost", dependencies: ["CTepui", "CLtdl", "Allocation", "Resources", logging], swiftSettings: strict),
    .target(name: "CLaunch", cSettings: strictC),
    .target(name: "Containment", dependencies: ["CLaunch", "ModuleHost", logging], swiftSettings: strict),
    .target(name: "Fetching", swiftSettings: strict),
    .target(name: "Transport", dependencies: nio, swiftSettings: strict),
    .target(name: "Files", dependencies: ["Transport", "Wire"] + nio, swiftSettings: strict),
    .target(name: "Storage", dependencies: ["CSQLite"], swiftSettings: strict),
    .target(name: "Daemon", dependencies: [arguments, logging, "Resources", "Wire"], swiftSettings: strict),

    .target(
      name: "CRE2",
      cxxSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror", "-std=c++17"])],
      linkerSettings: [.linkedLibrary("re2")]),
    .target(name: "Patterns", dependencies: ["CRE2", "Allocation", "Resources"], swiftSettings: strict),

    // What tests of modules and the tool for their authors share.
    .target(
      name: "ModuleKit", dependencies: ["ModuleHost", "Allocation", "Resources", "CTepui", logging],
      swiftSettings: strict),

    // A framework's end of the scheduler API, for the programs and tests that are frameworks.
    .target(name: "SchedulerClient", dependencies: ["Transport", "Wire"] + nio, swiftSettings: strict),

    // Programs.
    .executableTarget(
      name: "tepui-supervisor", path: "Sources/supervisor",
      cSettings: strictC + [
        .headerSearchPath("../CLaunch"), .headerSearchPath("../CLaunch/include"),
        .unsafeFlags(["-ffreestanding", "-fno-stack-protector"]),
      ],
      // Static, without the Swift runtime and without a C library: a supervisor lives as long as its task and must
      // weigh next to nothing.
      linkerSettings: [
        .unsafeFlags(["-nostartfiles", "-static-executable", "-Xlinker", "--as-needed"]),
        .unsafeFlags(["-static", "-nostdlib", "-nostartfiles"].flatMap { ["-Xclang-linker", $0] }),
      ]),
    .executableTarget(
      name: "tepui-master",
      dependencies: [
        "MasterCore", "Allocation", "ModuleHost", "Patterns", "Transport", "Files", "Storage", "Wire", "Resources",
        "Daemon", arguments, logging,
      ]
        + nio, swiftSettings: strict, linkerSettings: runtime),
    .executableTarget(
      name: "tepui-agent",
      dependencies: [
        "AgentCore", "ModuleHost", "Containment", "Fetching", "Transport", "Files", "Storage", "Wire", "Resources",
        "Daemon", arguments, logging,
      ] + nio, swiftSettings: strict, linkerSettings: runtime),
    .executableTarget(
      name: "tepui-fetcher", dependencies: ["Fetching"], swiftSettings: strict, linkerSettings: runtime),
    .executableTarget(
      name: "tepui", dependencies: ["SchedulerClient", "Transport", "Wire", "Daemon", protobuf, arguments] + nio,
      swiftSettings: strict, linkerSettings: runtime),

    .executableTarget(
      name: "tepui-module", dependencies: ["ModuleKit", "ModuleHost", "Daemon", arguments, logging],
      swiftSettings: strict, linkerSettings: runtime),

    .executableTarget(
      name: "tepui-walkthrough", dependencies: ["SchedulerClient", "Transport", "Wire", protobuf, arguments] + nio,
      path: "Sources/walkthrough", swiftSettings: strict),

    // Tests: one target a room.
    .executableTarget(
      name: "tepui-bench",
      dependencies: [
        "SchedulerClient", "Transport", "Wire", "Daemon", "Allocation", "Containment", "ModuleHost", "ModuleKit",
        "MasterCore", "Resources", arguments, logging,
      ] + nio,
      path: "Tests/Bench",
      swiftSettings: strict),
    .testTarget(name: "ResourcesTests", dependencies: ["Resources"], swiftSettings: strict),
    .testTarget(name: "WireTests", dependencies: ["Wire", "Resources", protobuf], swiftSettings: strict),
    .testTarget(name: "AllocationTests", dependencies: ["Allocation", "Resources", "CTepui"], swiftSettings: strict),
    .testTarget(
      name: "MasterCoreTests", dependencies: ["MasterCore", "Allocation", "Patterns", "CTepui", "Wire", "Resources"],
      swiftSettings: strict),
    .testTarget(name: "PatternsTests", dependencies: ["Patterns", "Resources"], swiftSettings: strict),
    .testTarget(name: "AgentCoreTests", dependencies: ["AgentCore", "Wire", "Resources"], swiftSettings: strict),
    .testTarget(
      name: "SimulationTests",
      dependencies: ["MasterCore", "AgentCore", "Allocation", "CTepui", "Wire", "Resources"] + collections,
      swiftSettings: strict),
    .testTarget(name: "FetchingTests", dependencies: ["Fetching"], swiftSettings: strict),
    .testTarget(name: "FilesTests", dependencies: ["Files", "Transport", "Wire"] + nio, swiftSettings: strict),
    .testTarget(
      name: "AgentTests",
      dependencies: ["tepui-agent", "AgentCore", "Containment", "Fetching", "Files", "Transport", "Wire"] + nio,
      swiftSettings: strict),
    .testTarget(
      name: "ModuleHostTests", dependencies: ["ModuleHost", "ModuleKit", "Allocation", "Resources", "CTepui", logging],
      exclude: ["Fixtures"], swiftSettings: strict),
    .testTarget(
      name: "FairnessTests", dependencies: ["ModuleKit", "ModuleHost", "Allocation", "Resources", "CTepui", logging],
      swiftSettings: strict),
    .testTarget(
      name: "ContainmentTests", dependencies: ["Containment", "ModuleHost", "CLaunch", logging], swiftSettings: strict),
    .testTarget(
      name: "ModuleToolTests", dependencies: ["ModuleHost", logging], exclude: ["Fixtures"], swiftSettings: strict),
    .testTarget(name: "TransportTests", dependencies: ["Transport"] + nio, swiftSettings: strict),
    .testTarget(name: "StorageTests", dependencies: ["Storage", "CSQLite"], swiftSettings: strict),
    .testTarget(name: "TidyTests", swiftSettings: strict),
    .testTarget(
      name: "ClusterTests", dependencies: ["SchedulerClient", "Transport", "Wire", "Resources"] + nio,
      exclude: ["pymesos", "chaos"],
      swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)
