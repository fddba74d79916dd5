import Resources
import Testing

@Suite struct DurationTextTests {
  @Test(arguments: [
    ("0ns", 0), ("250ms", 250_000_000), ("5secs", 5_000_000_000), ("1.5hrs", 5_400_000_000_000),
    ("2weeks", 1_209_600_000_000_000), ("-1mins", -60_000_000_000),
  ])
  func readsEveryUnit(text: String, nanoseconds: Int64) {
    #expect(DurationText.nanoseconds(text) == nanoseconds)
  }

  @Test(arguments: ["", "5", "secs", "5 secs", "5s", "5sec", "1e3secs", "99999999999weeks", "0x1ns", "--1ns", "nanns"])
  func refusesOtherForms(text: String) {
    #expect(DurationText.nanoseconds(text) == nil)
  }

  @Test(arguments: [
    (60, "1mins"), (90, "90secs"), (3600, "1hrs"), (5400, "90mins"), (15, "15secs"), (604_800, "1weeks"),
    (86_400, "1days"), (0, "0ns"),
  ])
  func writesTheUnitOfTheMagnitudeOrOneBelow(seconds: Int64, text: String) {
    #expect(DurationText.text(nanoseconds: seconds * 1_000_000_000) == text)
  }

  @Test func writesAFractionWhenNoUnitIsWhole() {
    #expect(DurationText.text(nanoseconds: 1_000_000_001) == "1.000000001secs")
  }
}
