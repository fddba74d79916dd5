extension WireFormat {
  /// The records that an event goes out as: one, unless it is OFFERS and longer than some clients take (protocol fact
  /// 19). Then it is halved until each record fits, or holds a single offer.
  public func records(of event: SchedulerEvent, maxBytes: Int = 4 << 20) -> [[UInt8]] {
    let record = encode(event)
    let offers = event.offers.offers
    guard record.count > maxBytes, offers.count > 1 else { return [record] }
    return [offers.prefix(offers.count / 2), offers.dropFirst(offers.count / 2)].flatMap { half in
      var part = event
      part.offers.offers = Array(half)
      return records(of: part, maxBytes: maxBytes)
    }
  }
}
