import CSQLite

/// Records by key on disk, in one SQLite database. Belongs to one thread.
///
/// What was applied survives the end of the process at any moment. Whether it also survives a power failure is the
/// owner's choice; if not, one may lose the last commits, and the store then holds the state of an earlier moment, never
/// a mixture.
public final class RecordStore {
  public enum Durability: Sendable {
    /// Not synced at every commit. Enough for the checkpoints of an agent: after a power failure no task is left that
    /// they could describe.
    case processEnd
    /// Synced at every commit.
    case powerFailure
  }

  public enum Change: Equatable, Sendable {
    case put(key: String, value: [UInt8])
    case delete(key: String)
    case deleteAll
  }

  /// Grows when an older program could no longer read the file.
  static let schemaVersion: Int32 = 1

  private let database: OpaquePointer
  private let path: String
  private let put: Statement
  private let delete: Statement

  /// Opens the database at `path`, whose directory must exist; makes it if it is missing.
  ///
  /// - Throws: `StorageError`, also when another process has it open.
  public init(path: String, survives durability: Durability) throws(StorageError) {
    let database = try Self.open(path)
    do throws(StorageError) {
      try Self.prepare(database, path, durability)
      put = try Statement("INSERT OR REPLACE INTO records (key, value) VALUES (?, ?)", database, path)
      delete = try Statement("DELETE FROM records WHERE key = ?", database, path)
    } catch {
      sqlite3_close_v2(database)
      throw error
    }
    self.database = database
    self.path = path
  }

  deinit {
    put.finalize()
    delete.finalize()
    sqlite3_close_v2(database)
  }

  /// All records.
  public func load() throws(StorageError) -> [String: [UInt8]] {
    let select = try Statement("SELECT key, value FROM records", database, path)
    defer { select.finalize() }
    var records: [String: [UInt8]] = [:]
    while try select.step() { records[select.text(0)] = select.bytes(1) }
    return records
  }

  /// Makes all changes, in order, or none of them.
  public func apply(_ changes: [Change]) throws(StorageError) {
    guard !changes.isEmpty else { return }
    try Self.run("BEGIN IMMEDIATE", database, path)
    do throws(StorageError) {
      for change in changes { try apply(change) }
      try Self.run("COMMIT", database, path)
    } catch {
      // SQLite may have rolled back by itself, as when the disk is full.
      try? Self.run("ROLLBACK", database, path)
      throw error
    }
  }

  private func apply(_ change: Change) throws(StorageError) {
    switch change {
    case .put(let key, let value):
      try put.bind(key, at: 1)
      try put.bind(value, at: 2)
      try put.run()
    case .delete(let key):
      try delete.bind(key, at: 1)
      try delete.run()
    case .deleteAll: try Self.run("DELETE FROM records", database, path)
    }
  }

  // MARK: Opening

  private static func open(_ path: String) throws(StorageError) -> OpaquePointer {
    var handle: OpaquePointer?
    // One thread uses it, so SQLite need not lock.
    let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
    let code = sqlite3_open_v2(path, &handle, flags, nil)
    guard code == SQLITE_OK, let handle else {
      defer { sqlite3_close_v2(handle) }
      throw StorageError(code, of: handle, path)
    }
    return handle
  }

  private static func prepare(
    _ database: OpaquePointer, _ path: String, _ durability: Durability
  ) throws(StorageError) {
    // Exclusive: a second daemon on the same directory is found out here. It also spares the shared memory file.
    try run("PRAGMA locking_mode = EXCLUSIVE", database, path)
    try run("PRAGMA journal_mode = WAL", database, path)
    try run("PRAGMA synchronous = \(durability == .powerFailure ? "FULL" : "NORMAL")", database, path)
    try run("PRAGMA cache_size = -512", database, path)
    let version = try version(of: database, path)
    guard version <= schemaVersion else { throw StorageError(newerVersion: version, than: schemaVersion, path) }
    guard version < schemaVersion else { return }
    try run("BEGIN IMMEDIATE", database, path)
    try run(
      "CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID", database, path)
    try run("PRAGMA user_version = \(schemaVersion)", database, path)
    try run("COMMIT", database, path)
  }

  private static func version(of database: OpaquePointer, _ path: String) throws(StorageError) -> Int32 {
    let statement = try Statement("PRAGMA user_version", database, path)
    defer { statement.finalize() }
    return try statement.step() ? statement.integer(0) : 0
  }

  private static func run(_ sql: String, _ database: OpaquePointer, _ path: String) throws(StorageError) {
    let code = sqlite3_exec(database, sql, nil, nil, nil)
    guard code == SQLITE_OK else { throw StorageError(code, of: database, path) }
  }
}
