/// What the agent has a fetcher do: fill a sandbox, or one file of the cache. Goes to it as bytes.
public struct FetchJob: Equatable, Sendable {
  /// Absolute; what is said of the work is added to the file `stderr` in it.
  public var sandbox: String
  /// nil is the user that the agent runs as.
  public var user: User?
  /// What relative URIs are relative to; empty if there is no such place.
  public var frameworksHome = ""
  /// A transfer that moves less than a byte a second for so long is given up.
  public var stallSeconds = 60
  public var work: Work

  public enum Work: Equatable, Sendable {
    /// All of them into the sandbox, in order.
    case fill([Item])
    /// One into the file behind a descriptor, of at most so many bytes.
    case cache(uri: String, descriptor: Int32, limitBytes: Int64)
  }

  public struct User: Equatable, Sendable {
    public var uid: UInt32
    public var gid: UInt32
    public var groups: [UInt32]

    public init(uid: UInt32, gid: UInt32, groups: [UInt32]) {
      self.uid = uid
      self.gid = gid
      self.groups = groups
    }
  }

  /// A URI of a command, as in Mesos' CommandInfo.URI.
  public struct Item: Equatable, Sendable {
    public var uri: String
    /// Relative to the sandbox; empty for the last part of the URI.
    public var outputFile: String
    public var isExecutable: Bool
    public var extracts: Bool
    public var origin = Origin.uri

    public enum Origin: Equatable, Sendable {
      case uri
      /// An open file of the cache.
      case descriptor(Int32)
      /// It was to come from the cache, but could not be got for this reason.
      case failed(String)
    }

    public init(uri: String, outputFile: String = "", isExecutable: Bool = false, extracts: Bool = true) {
      self.uri = uri
      self.outputFile = outputFile
      self.isExecutable = isExecutable
      self.extracts = extracts
    }
  }

  public init(sandbox: String, work: Work) {
    self.sandbox = sandbox
    self.work = work
  }
}

// MARK: Bytes

extension FetchJob {
  /// Numbers in eight bytes, texts with their length before them; agent and fetcher are of one build and one machine.
  public var bytes: [UInt8] {
    var writer = Writer()
    writer.put(sandbox)
    writer.put(user != nil)
    if let user {
      writer.put([user.uid, user.gid] + user.groups) { writer, number in writer.put(Int64(number)) }
    }
    writer.put(frameworksHome)
    writer.put(Int64(stallSeconds))
    switch work {
    case .fill(let items):
      writer.put(true)
      writer.put(items) { writer, item in writer.put(item) }
    case .cache(let uri, let descriptor, let limitBytes):
      writer.put(false)
      writer.put(uri)
      writer.put(Int64(descriptor))
      writer.put(limitBytes)
    }
    return writer.bytes
  }

  /// nil for bytes that are no job.
  public init?(bytes: [UInt8]) {
    var reader = Reader(rest: bytes[...])
    do {
      sandbox = try reader.text()
      if try reader.flag() {
        let numbers = try reader.list { (reader: inout Reader) throws(Malformed) in
          UInt32(truncatingIfNeeded: try reader.number())
        }
        guard numbers.count >= 2 else { return nil }
        user = User(uid: numbers[0], gid: numbers[1], groups: Array(numbers[2...]))
      }
      frameworksHome = try reader.text()
      stallSeconds = Int(try reader.number())
      if try reader.flag() {
        work = .fill(try reader.list { (reader: inout Reader) throws(Malformed) in try reader.item() })
      } else {
        work = .cache(
          uri: try reader.text(), descriptor: Int32(truncatingIfNeeded: try reader.number()),
          limitBytes: try reader.number())
      }
    } catch {
      return nil
    }
  }

  private struct Writer {
    var bytes: [UInt8] = []

    mutating func put(_ number: Int64) { withUnsafeBytes(of: number) { bytes += $0 } }

    mutating func put(_ flag: Bool) { put(flag ? 1 as Int64 : 0) }

    mutating func put(_ text: String) {
      put(Int64(text.utf8.count))
      bytes += text.utf8
    }

    mutating func put<Element>(_ list: [Element], _ each: (inout Writer, Element) -> Void) {
      put(Int64(list.count))
      for element in list { each(&self, element) }
    }

    mutating func put(_ item: Item) {
      put(item.uri)
      put(item.outputFile)
      put(item.isExecutable)
      put(item.extracts)
      switch item.origin {
      case .uri: put(0 as Int64)
      case .descriptor(let number):
        put(1 as Int64)
        put(Int64(number))
      case .failed(let reason):
        put(2 as Int64)
        put(reason)
      }
    }
  }

  private struct Malformed: Error {}

  private struct Reader {
    var rest: ArraySlice<UInt8>

    mutating func number() throws(Malformed) -> Int64 {
      guard rest.count >= 8 else { throw Malformed() }
      let number = rest.prefix(8).withUnsafeBytes { $0.loadUnaligned(as: Int64.self) }
      rest = rest.dropFirst(8)
      return number
    }

    mutating func flag() throws(Malformed) -> Bool { try number() != 0 }

    mutating func text() throws(Malformed) -> String {
      let length = try number()
      guard length >= 0, length <= Int64(rest.count) else { throw Malformed() }
      defer { rest = rest.dropFirst(Int(length)) }
      return String(decoding: rest.prefix(Int(length)), as: UTF8.self)
    }

    mutating func list<Element>(_ each: (inout Reader) throws(Malformed) -> Element) throws(Malformed) -> [Element] {
      let count = try number()
      guard count >= 0, count <= Int64(rest.count) else { throw Malformed() }
      var list: [Element] = []
      for _ in 0..<count { list.append(try each(&self)) }
      return list
    }

    mutating func item() throws(Malformed) -> Item {
      var item = Item(uri: try text(), outputFile: try text(), isExecutable: try flag(), extracts: try flag())
      switch try number() {
      case 0: item.origin = .uri
      case 1: item.origin = .descriptor(Int32(truncatingIfNeeded: try number()))
      case 2: item.origin = .failed(try text())
      default: throw Malformed()
      }
      return item
    }
  }
}
