import SwiftProtobuf
import Wire

/// A status that a task had. It is kept as bytes: hardly anybody looks at it again, and of a decoded message nearly every
/// field is an object of its own. With some hundred thousand tasks these would be most of the master's memory, and most
/// of the time that its state takes to write.
public struct RecordedStatus: Sendable {
  public let state: MesosTaskState
  /// Seconds since 1970, as the agent told it.
  public let timestamp: Double
  /// What endpoints show of it, and then all of it as protobuf.
  private let bytes: [UInt8]
  private let shownCount: Int

  init(_ status: MesosTaskStatus) {
    state = status.state
    timestamp = status.timestamp
    var json = JSONWriter()
    status.write(to: &json)
    let message = WireFormat.protobuf.encode(status)
    shownCount = json.bytes.count
    var bytes: [UInt8] = []
    // Not a byte more than that.
    bytes.reserveCapacity(shownCount + message.count)
    bytes += json.bytes
    bytes += message
    self.bytes = bytes
  }

  /// As JSON (protocol fact 148).
  var shown: ArraySlice<UInt8> { bytes[..<shownCount] }

  public var message: MesosTaskStatus {
    (try? MesosTaskStatus(serializedBytes: Array(bytes[shownCount...]), partial: true)) ?? MesosTaskStatus()
  }
}
