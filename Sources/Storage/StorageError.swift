import CSQLite

/// Why a store cannot be opened, read or written.
public struct StorageError: Error, Equatable, CustomStringConvertible {
  public enum Code: Sendable {
    /// Another process has it open.
    case inUse
    /// It is no database, or a damaged one.
    case corrupted
    /// A newer program wrote it.
    case newerSchema
    /// Everything else: missing directory, permissions, full disk.
    case inputOutput
  }

  public let code: Code
  public let path: String
  public let message: String

  public var description: String { "\(path): \(message)" }

  init(_ result: Int32, of database: OpaquePointer?, _ path: String) {
    self.path = path
    let reason = database.map { String(cString: sqlite3_errmsg($0)) } ?? String(cString: sqlite3_errstr(result))
    // The low byte is the kind of the error, the rest its detail.
    switch result & 0xff {
    case SQLITE_BUSY, SQLITE_LOCKED:
      code = .inUse
      message = "another process uses this store; end it, or give this one a directory of its own"
    case SQLITE_CORRUPT, SQLITE_NOTADB:
      code = .corrupted
      message = "the store is damaged (\(reason)); restore it from a backup, or remove it and lose what it holds"
    default:
      code = .inputOutput
      message = "the store cannot be used: \(reason); check that its directory exists, is writable and has space"
    }
  }

  init(newerVersion version: Int32, than known: Int32, _ path: String) {
    code = .newerSchema
    self.path = path
    message = "the store has format \(version), this program knows \(known) at most; start the newer program again"
  }
}
