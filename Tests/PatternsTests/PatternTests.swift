import Patterns
import Resources
import Testing

@Suite struct PatternTests {
  @Test func theWholeTextMustMatch() throws {
    let pattern = try Pattern("a|b+")
    #expect(pattern.matches("a") && pattern.matches("bbb"))
    #expect(!pattern.matches("ab") && !pattern.matches("xa") && !pattern.matches("") && !pattern.matches("a\n"))
    #expect(try Pattern("").matches(""))
    #expect(try Pattern("é.").matches("éß"), "a dot is a character, not a byte")
    #expect(try Pattern("a\0b").matches("a\0b"))
  }

  @Test(arguments: [
    ("(", "Failed to construct regex from pattern '(': missing ): ("),
    ("a**", "Failed to construct regex from pattern 'a**': bad repetition operator: **"),
    (#"(a)\1"#, #"Failed to construct regex from pattern '(a)\1': invalid escape sequence: \1"#),
    ("(?=a)", "Failed to construct regex from pattern '(?=a)': invalid perl operator: (?="),
  ]) func whatIsNoPatternIsRefusedInTheWordsOfRE2(regex: String, problem: String) {
    #expect(throws: ResourceError(problem)) { try Pattern(regex) }
  }

  @Test func whatWouldBecomeTooLargeIsRefused() throws {
    #expect { try Pattern("a{120}") } throws: { error in
      (error as? ResourceError)?.description.hasPrefix("Regex 'a{120}' is too complex: program size of ")
        ?? false
    }
    #expect { try Pattern("((a{100}){100}){100}") } throws: { error in
      (error as? ResourceError)?.description.contains("Failed to construct regex") ?? false
    }
    let large = Pattern.Limits(memory: 1 << 20, programSize: 1000)
    #expect(try Pattern("a{120}", limits: large).matches(String(repeating: "a", count: 120)))
  }

  /// With backtracking this takes longer than the universe lasts.
  @Test func aPatternMadeToBacktrackEnds() throws {
    let pattern = try Pattern("(a*)*(a*)*(a|aa)+$")
    #expect(!pattern.matches(String(repeating: "a", count: 100_000) + "b"))
  }
}
