import Testing

@testable import AgentCore

@Suite struct TimersTests {
  @Test func deadlinesComeInOrderAndOnlyWhenDue() {
    var timers = Timers<String>()
    timers.set("b", at: 20)
    timers.set("a", at: 10)
    #expect(timers.next() == 10)
    #expect(timers.popDue(9) == nil)
    #expect(timers.popDue(25) == "a")
    #expect(timers.popDue(25) == "b")
    #expect(timers.next() == nil)
  }

  @Test func aReplacedOrCancelledDeadlineDoesNotCome() {
    var timers = Timers<String>()
    timers.set("a", at: 10)
    timers.set("a", at: 30)
    timers.set("b", at: 20)
    timers.cancel("b")
    #expect(timers.popDue(29) == nil)
    #expect(timers.popDue(30) == "a")
    #expect(timers.popDue(99) == nil)
  }

  @Test func manyReplacementsOfOneDeadlineComeOnce() {
    var timers = Timers<Int>()
    for deadline in 0..<1000 { timers.set(1, at: Int64(deadline)) }
    #expect(timers.popDue(998) == nil)
    #expect(timers.popDue(999) == 1)
    #expect(timers.popDue(5000) == nil)
  }
}
