import Testing
import Wire

@Suite struct RecordsTests {
  private func event(offers: Int) -> SchedulerEvent {
    var event = SchedulerEvent()
    event.type = .offers
    event.offers.offers = (0..<offers).map { number in
      var offer = MesosOffer()
      offer.id.value = "O\(number)"
      offer.frameworkID.value = "F"
      offer.agentID.value = "S\(number)"
      offer.hostname = String(repeating: "h", count: 100)
      return offer
    }
    return event
  }

  @Test(arguments: WireFormat.allCases)
  func offersThatAreTooLongForOneRecordKeepTheirOrderInSeveral(format: WireFormat) throws {
    let records = format.records(of: event(offers: 100), maxBytes: 2000)
    #expect(records.count > 1)
    #expect(records.allSatisfy { $0.count <= 2000 })
    let ids = try records.flatMap { record in
      try format.decode(SchedulerEvent.self, from: record).offers.offers.map(\.id.value)
    }
    #expect(ids == (0..<100).map { "O\($0)" })
  }

  @Test func oneOfferIsNeverCut() {
    #expect(WireFormat.json.records(of: event(offers: 1), maxBytes: 10).count == 1)
  }

  @Test func whatFitsStaysOneRecord() {
    #expect(WireFormat.protobuf.records(of: event(offers: 100)).count == 1)
  }
}
