import Resources
import Testing

@Suite struct FlagTextTests {
  @Test func resourcesOfTheFlagAreRead() throws {
    let resources = try Resources(
      parsing: "cpus:4; mem:4096;ports:[31000-32000, 8080-8080];cpus(batch):2.5;zones:{a, b};")
    #expect(
      resources == [
        .scalar("cpus", 4), .scalar("mem", 4096), Resource("ports", .ranges(Ranges([31000...32000, 8080...8080]))),
        Resource("cpus", .scalar(Quantity(2.5)), reservations: [Reservation(.static, role: "batch")]),
        Resource("zones", .set(["a", "b"])),
      ])
  }

  @Test func aDefaultRoleReservesWhatNamesNone() throws {
    let resources = try Resources(parsing: "cpus:4;mem(*):1", defaultRole: "a")
    #expect(try resources.reserved(for: "a") == Resources(parsing: "cpus(a):4"))
    #expect(resources.unreserved == [.scalar("mem", 1)])
  }

  @Test(arguments: [
    "cpus", "cpus:", ":4", "cpus:x", "cpus(a:1", "cpus:-1", "ports:[1]", "ports:[5-1]", "ports:[1-5,3-7]", "s:{a,a}",
    "cpus(a b):1", "cpus:1e300", "ports:[1-99999999999999999999]",
  ])
  func badEntriesAreRefused(text: String) {
    #expect(throws: ResourceError.self) { try Resources(parsing: text) }
  }

  @Test func attributesAreNumbersRangesOrText() throws {
    #expect(
      try Attribute.parse("rack:r1;gen:2;ids:[1-5];url:http://a:80;odd:[x]") == [
        Attribute("rack", .text("r1")), Attribute("gen", .scalar(Quantity(2))),
        Attribute("ids", .ranges(Ranges([1...5]))),
        Attribute("url", .text("http://a:80")), Attribute("odd", .text("[x]")),
      ])
    #expect(throws: ResourceError.self) { try Attribute.parse("rack") }
  }

  @Test(arguments: [
    ("", "Role names cannot be the empty string"), ("/x", "Role '/x' cannot start with a slash"),
    (String(repeating: "x", count: 4097), "Role names cannot be longer than 4096 bytes"),
    ("x/", "Role 'x/' cannot end with a slash"), ("a//b", "Role 'a//b' cannot contain two adjacent slashes"),
    (".", "Role '.' cannot include '.' as a component"), ("a/*", "Role 'a/*' cannot include '*' as a component"),
    ("-x", "Role component '-x' is invalid because it starts with a dash"),
    ("a b", "Role component 'a b' is invalid because it contains backspace or whitespace"),
  ])
  func badRolesAreRefusedWithMesosTexts(role: String, message: String) {
    #expect(throws: ResourceError(message)) { try Role.validate(role) }
  }
}
