import AgentCore
import Foundation
import Testing

@testable import tepui_agent

/// Directories of volumes, and what happens to them when an agent dies at a bad moment.
@Suite struct VolumeTests {
  private let root = FileManager.default.temporaryDirectory.appending(path: "tepui-volumes-\(UUID().uuidString)").path

  private func inDirectory(_ test: () throws -> Void) throws {
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: root) }
    try test()
  }

  private var volume: VolumeDirectory {
    VolumeDirectory(path: "\(root)/roles/a/v", isWholeDisk: false, trash: "\(root)/removed")
  }

  private func write(_ text: String, to path: String) throws {
    try text.write(toFile: path, atomically: false, encoding: .utf8)
  }

  private func content(_ path: String) -> [String]? {
    try? FileManager.default.contentsOfDirectory(atPath: path).sorted()
  }

  @Test func aVolumeIsMadeTwiceAsOnce() throws {
    try inDirectory {
      try Volumes.change(make: [volume], remove: [], operation: "op1")
      try write("kept", to: "\(volume.path)/file")
      try Volumes.change(make: [volume], remove: [], operation: "op1")
      #expect(content(volume.path) == ["file"])
    }
  }

  @Test func aRemovalThatIsDoneAgainSparesTheNextVolume() throws {
    try inDirectory {
      try Volumes.change(make: [volume], remove: [], operation: "op1")
      try write("old", to: "\(volume.path)/old")
      try Volumes.change(make: [], remove: [volume], operation: "op2")
      try Volumes.change(make: [volume], remove: [], operation: "op3")
      try write("new", to: "\(volume.path)/new")
      // The agent died before it could note that op2 was done.
      try Volumes.change(make: [], remove: [volume], operation: "op2")
      #expect(content(volume.path) == ["new"])
      try Volumes.deleteRemoved(in: volume.trash, keeping: ["op2"])
      #expect(content(volume.trash) == ["op2-0"])
      try Volumes.deleteRemoved(in: volume.trash, keeping: [])
      #expect(content(volume.trash) == [])
      #expect(content(volume.path) == ["new"])
    }
  }

  @Test func aWholeDiskIsEmptiedAndStays() throws {
    try inDirectory {
      let disk = VolumeDirectory(path: "\(root)/disk", isWholeDisk: true, trash: "\(root)/disk/.removed")
      #expect(throws: FileError.self) { try Volumes.change(make: [disk], remove: [], operation: "op1") }
      try FileManager.default.createDirectory(atPath: "\(disk.path)/deep/er", withIntermediateDirectories: true)
      try write("old", to: "\(disk.path)/deep/file")
      // The first half of it is done.
      try FileManager.default.createDirectory(
        atPath: "\(disk.trash)/op2-0.partial/half", withIntermediateDirectories: true)
      try Volumes.change(make: [], remove: [disk], operation: "op2")
      #expect(content(disk.path) == [".removed"])
      #expect(content("\(disk.trash)/op2-0") == ["deep", "half"])
      try Volumes.deleteRemoved(in: disk.trash, keeping: [])
      #expect(content(disk.trash) == [])
    }
  }

  @Test func whatIsNotThereIsRemoved() throws {
    try inDirectory { try Volumes.change(make: [], remove: [volume], operation: "op1") }
  }

  @Test func linksNeverLeaveTheSandbox() throws {
    try inDirectory {
      try Volumes.change(make: [volume], remove: [], operation: "op1")
      let sandbox = "\(root)/sandbox"
      let outside = "\(root)/outside"
      for path in [sandbox, outside] {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      }
      try FileManager.default.createSymbolicLink(atPath: "\(sandbox)/trap", withDestinationPath: outside)
      func link(_ path: String) -> VolumeLink {
        VolumeLink(source: volume.path, containerPath: path, isShared: false)
      }
      #expect(throws: FileError.self) { try Volumes.link([link("trap/data")], into: sandbox, for: nil) }
      #expect(content(outside) == [])
      try Volumes.link([link("deep/data")], into: sandbox, for: nil)
      // Again after a restart of the agent.
      try Volumes.link([link("deep/data")], into: sandbox, for: nil)
      let target = try FileManager.default.destinationOfSymbolicLink(atPath: "\(sandbox)/deep/data")
      #expect(target == volume.path)
      try write("mine", to: "\(sandbox)/taken")
      #expect(throws: FileError.self) { try Volumes.link([link("taken")], into: sandbox, for: nil) }
    }
  }

  @Test func resourcesThatCannotBeAreRefusedByName() {
    let wrong = [
      #"[{"name": "cpus", "type": "SCALAR", "scalar": {"value": -1}}]"#: "Resource 'cpus:-1' is invalid",
      #"[{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.0004}}]"#: "value <= 0",
      #"[{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1e300}}]"#: "Invalid scalar resource",
      #"[{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}, "role": "/a"}]"#: "cannot start with a slash",
      #"[{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}, "reservations": [{"type": "STATIC", "role": "a/b"}, {"type": "DYNAMIC", "role": "a"}]}]"#:
        "role 'a' is not a refinement of 'a/b'",
      #"[{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}, "role": "a", "reservation": {}}]"#:
        "Dynamic reservations cannot be specified",
      #"[{"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 5, "end": 1}]}}]"#: "begin > end",
      #"[{"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 1, "end": 5}, {"begin": 5, "end": 9}]}}]"#:
        "overlapping ranges",
      #"[{"name": "z", "type": "SET", "set": {"item": ["a", "a"]}}]"#: "duplicated elements",
      #"[{"name": "disk", "type": "SCALAR", "scalar": {"value": 1}, "disk": {"source": {"type": "MOUNT", "mount": {"root": "/nowhere"}}}}]"#:
        "/nowhere",
      #"[{"name": "disk", "type": "SCALAR", "scalar": {"value": 1}, "disk": {"source": {"type": "RAW"}}}]"#:
        "this agent has disks of type PATH and MOUNT",
      #"[{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}, "shared": {}}]"#: "cannot be shared",
      "[{": "Failed to parse", "cpus:nan": "cpus", "cpus:9223372036854775808": "Invalid scalar resource",
    ]
    for (text, reason) in wrong {
      #expect("\(text)") {
        _ = try GivenResources(text, workDirectory: "/tmp")
      } throws: { error in
        "\(error)".contains(reason)
      }
    }
  }
}
