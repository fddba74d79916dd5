import Glibc

/// The numbers that a command's user name stands for.
public struct UserAccount: Equatable, Sendable {
  public let uid: UInt32
  public let gid: UInt32
  public let groups: [UInt32]

  /// Looks up a name or a number. A number needs no entry in the user database: its group is then of the same number.
  /// nil if there is no such user.
  public init?(_ user: String) {
    let number = UInt32(user)
    if let entry = Self.entry(named: user) ?? number.flatMap(Self.entry(of:)) {
      uid = entry.uid
      gid = entry.gid
      groups = Self.groups(of: entry.name, primary: entry.gid)
    } else if let number {
      uid = number
      gid = number
      groups = []
    } else {
      return nil
    }
  }

  private typealias Entry = (name: String, uid: UInt32, gid: UInt32)

  private static func entry(named name: String) -> Entry? {
    look { record, buffer, size, result in getpwnam_r(name, record, buffer, size, result) }
  }

  private static func entry(of uid: UInt32) -> Entry? {
    look { record, buffer, size, result in getpwuid_r(uid, record, buffer, size, result) }
  }

  private typealias Query = (
    UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
    UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
  ) -> Int32

  private static func look(_ query: Query) -> Entry? {
    var size = 1024
    while size <= 1 << 20 {
      let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: size)
      defer { buffer.deallocate() }
      var record = passwd()
      var result: UnsafeMutablePointer<passwd>?
      let error = query(&record, buffer, size, &result)
      if error == ERANGE {
        size *= 4
        continue
      }
      guard error == 0, result != nil, let name = record.pw_name else { return nil }
      return (String(cString: name), record.pw_uid, record.pw_gid)
    }
    return nil
  }

  private static func groups(of name: String, primary: UInt32) -> [UInt32] {
    var count: Int32 = 64
    var groups = [UInt32](repeating: 0, count: Int(count))
    if getgrouplist(name, primary, &groups, &count) < 0 {
      // The call told how many there are.
      groups = [UInt32](repeating: 0, count: Int(count))
      guard getgrouplist(name, primary, &groups, &count) >= 0 else { return [primary] }
    }
    return Array(groups.prefix(Int(count)))
  }
}
