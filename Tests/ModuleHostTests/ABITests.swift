import Foundation
import ModuleKit
import Testing

/// The binary interface does not change by accident; SDK/ABI.md has the promise.
///
/// With `TEPUI_WRITE_ABI=1` what is written down is written anew, for a change on purpose.
@Suite struct ABITests {
  private let workspace = try! Workspace()
  private static let fixtures = "\(Repository.root)/Tests/ModuleHostTests/Fixtures"
  private static let files = ["module.h", "allocator.h", "isolator.h"]

  private func header(_ file: String) throws -> Header {
    Header(try String(contentsOfFile: "\(Repository.root)/SDK/include/tepui/\(file)", encoding: .utf8))
  }

  /// Whether to write; then there is nothing to compare.
  private var writes: Bool { ProcessInfo.processInfo.environment["TEPUI_WRITE_ABI"] == "1" }

  // MARK: Values, sizes and offsets

  /// A program that prints the value of every constant and the layout of every struct.
  private func layoutProgram() throws -> String {
    var body = ""
    for file in Self.files {
      for declaration in try header(file).declarations {
        switch declaration {
        case .constant(let name, _, _): body += "  CONSTANT(\(name));\n"
        case .structure(let name, let fields, _):
          body += "  printf(\"\(name) %zu\\n\", sizeof(\(name)));\n"
          for field in fields {
            body += "  printf(\"  %zu %zu \(field.name)\\n\", offsetof(\(name), \(field.name)), "
            body += "sizeof(((\(name) *)0)->\(field.name)));\n"
          }
        default: break
        }
      }
    }
    return """
      #include "tepui/tepui.h"
      static void text(const char *name, const char *value) { printf("%s \\"%s\\"\\n", name, value); }
      static void number(const char *name, uint64_t value) { printf("%s %llu\\n", name, (unsigned long long)value); }
      #define CONSTANT(name) _Generic((name), char *: text, default: number)(#name, name)
      int main(void) {
      \(body)
        return 0;
      }
      """
  }

  @Test func theLayoutIsTheOneWrittenDown() throws {
    try workspace.write("layout.c", try layoutProgram())
    let program = workspace.file("layout")
    let built = try run(["cc", "-I\(Repository.root)/SDK/include", "-o", program, workspace.file("layout.c")])
    try #require(built.status == 0, "\(built.output)")
    let layout = try run([program]).output
    let file = "\(Self.fixtures)/ABI.layout"
    if writes { try layout.write(toFile: file, atomically: true, encoding: .utf8) }
    #expect(layout == (try String(contentsOfFile: file, encoding: .utf8)))
  }

  // MARK: Types

  #if arch(x86_64)
    private static let isX86 = true
  #else
    private static let isX86 = false
  #endif

  /// A library by which every type of the headers can be reached.
  private func library() throws -> String {
    let tables = [
      "tepui_allocator", "tepui_allocator_explain", "tepui_isolator", "tepui_isolator_usage",
      "tepui_isolator_lifecycle",
    ]
    let arguments = tables.enumerated().map { "const \($1) *table\($0)" }.joined(separator: ", ")
    let source = """
      #include "tepui/tepui.h"
      TEPUI_EXPORT void tepui_tables(\(arguments));
      void tepui_tables(\(arguments)) { \(tables.indices.map { "(void)table\($0)" }.joined(separator: ", ")); }
      tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
        (void)host, (void)module, (void)error;
        return TEPUI_OK;
      }
      """
    try workspace.compile(source: source, as: "libabi.so", ["-gdwarf-4"])
    return workspace.file("libabi.so")
  }

  @Test(
    .enabled(if: Repository.hasProgram("abidiff"), "needs abidiff (Debian: abigail-tools)"),
    .enabled(if: isX86, "what is written down is of x86_64"))
  func theTypesAreTheOnesWrittenDown() throws {
    let file = "\(Self.fixtures)/ABI.abi"
    let library = try library()
    if writes {
      let options = ["--no-show-locs", "--no-corpus-path", "--no-comp-dir-path", "--no-elf-needed"]
      let written = try run(["abidw"] + options + ["--out-file", file, library])
      try #require(written.status == 0, "\(written.output)")
    }
    let difference = try run(["abidiff", file, library])
    #expect(difference.status == 0, "\(difference.output)")
  }

  /// It would see a change; else the test above proves nothing.
  @Test(
    .enabled(if: Repository.hasProgram("abidiff"), "needs abidiff (Debian: abigail-tools)"),
    .enabled(if: isX86, "what is written down is of x86_64"))
  func aChangedTypeIsSeen() throws {
    let library = try library()
    let text = try String(contentsOfFile: "\(Self.fixtures)/ABI.abi", encoding: .utf8)
    // Names of fields are for the layout.
    let field = try Regex(#"name='agent_extra_role' type-id='type-id-\d+'"#)
    let other = "name='agent_extra_role' type-id='type-id-1'"
    for changed in [text.replacing(field, with: other), text.replacing("tepui_isolator_usage", with: "tepui_other")] {
      try #require(changed != text)
      try workspace.write("changed.abi", changed)
      #expect(try run(["abidiff", workspace.file("changed.abi"), library]).status != 0)
    }
  }

  // MARK: Since when

  @Test func everyNameOfTheHeadersSaysSinceWhenItIsThere() throws {
    let page = try String(contentsOfFile: "\(Repository.root)/SDK/ABI.md", encoding: .utf8)
    let current = try #require(try header("module.h").versions.first)
    for (index, file) in Self.files.enumerated() {
      let part = try #require(page.components(separatedBy: "\n### \(file)\n").dropFirst().first)
      let rows = try #require(part.components(separatedBy: "\n### ").first).split(separator: "\n").dropFirst(2)
      var listed: [String] = []
      for row in rows {
        let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        try #require(cells.count == 2, "\(row)")
        let since = cells[1].split(separator: ".").compactMap { Int($0) }
        #expect(since.count == 2 && !current.lexicographicallyPrecedes(since), "\(row)")
        listed += names(of: cells[0])
      }
      let declared = try header(file).names
      #expect(declared.count > [50, 40, 80][index])
      #expect(Set(listed) == Set(declared), "\(Set(listed).symmetricDifference(declared))")
      #expect(listed.count == declared.count)
    }
  }

  /// `` `a`, `b` ``, or `` `struct`: `field`, `field` ``: the struct's own line stands for itself.
  private func names(of cell: String) -> [String] {
    let parts = cell.components(separatedBy: "`: `")
    let all = cell.split(separator: "`").map(String.init).filter { $0.first?.isLetter == true }
    guard parts.count == 2, let structure = all.first else { return all }
    return [structure] + all.dropFirst().map { "\(structure).\($0)" }
  }

  // MARK: Form

  /// What the reader of headers passes over, no test here would see.
  @Test(arguments: files)
  func everyLineIsRead(file: String) throws {
    #expect(try header(file).unread == [])
  }

  @Test func aLineThatIsNotUnderstoodIsTold() {
    let header = Header("int a;\n#if defined(X)\nint b;\n#endif\n#define TEPUI_A 1\nenum tepui_b { TEPUI_B };\n")
    #expect(header.unread == ["int a;", "int b;", "enum tepui_b { TEPUI_B };"])
    #expect(header.names == ["TEPUI_A"])
  }

  /// So that a module could be served from another process: integers of a known width, doubles, text, what points to
  /// such, and functions of such.
  @Test func whatCrossesIsPlainData() throws {
    var structures: Set<String> = []
    for file in Self.files {
      for case .structure(let name, let fields, _) in try header(file).declarations {
        structures.insert(name)
        for field in fields {
          for type in Self.types(of: field) {
            #expect(Self.isPlain(type, structures), "\(name).\(field.name): \(type)")
          }
        }
      }
    }
    for type in ["int", "long", "size_t", "bool", "float", "char", "tepui_mount", "FILE *", "tepui_text **"] {
      #expect(!Self.isPlain(type, structures), "\(type)")
    }
    let call = Header("typedef struct tepui_x {\n  void (*f)(int a, const tepui_text *b);\n} tepui_x;\n")
    guard case .structure(_, let fields, _)? = call.declarations.first else {
      Issue.record("no structure")
      return
    }
    #expect(fields.map { Self.types(of: $0) } == [["void", "int", "const tepui_text *"]])
  }

  /// The types of a field: its own, or what a function answers and takes, without the names of arguments.
  private static func types(of field: Header.Field) -> [String] {
    guard field.isFunction, let split = field.type.range(of: ")(") else { return [field.type] }
    let answer = field.type[..<(field.type.range(of: "(*")?.lowerBound ?? split.lowerBound)]
    let list: Substring = field.type[split.upperBound...].prefix { $0 != ")" }
    let arguments = list.split(separator: ",").map { (argument: Substring) -> Substring in
      argument.lastIndex { $0 == " " || $0 == "*" }.map { argument[...$0] } ?? argument
    }
    return ([answer] + arguments).map { $0.trimmingCharacters(in: .whitespaces) }
  }

  private static func isPlain(_ type: String, _ structures: Set<String>) -> Bool {
    let values: Set = ["uint32_t", "int32_t", "int64_t", "uint64_t", "double", "tepui_text", "tepui_status"]
    if values.contains(type) { return true }
    let pointers: Set = [
      "void", "void *", "void **", "const void *", "char *", "const char *", "uint64_t *", "const int64_t *",
      "const uint32_t *", "const uint64_t *", "const uint64_t *const *",
    ]
    if pointers.contains(type) { return true }
    // A struct is lent, never passed by value.
    guard type.hasSuffix(" *") else { return false }
    let pointed = type.dropLast(2)
    return structures.contains(String(pointed.hasPrefix("const ") ? pointed.dropFirst(6) : pointed))
  }

  /// Every function says on which thread it runs, and every struct begins with its size.
  @Test func functionsHaveThreadTagsAndStructsSizes() throws {
    for file in Self.files {
      for case .structure(let name, let fields, _) in try header(file).declarations {
        #expect(name == "tepui_text" || fields.first?.name == "size" && fields.first?.type == "uint32_t", "\(name)")
        for field in fields where field.isFunction {
          let tags = ["[start]", "[master]", "[worker]", "[any]"].filter { field.comment.hasPrefix($0) }
          #expect(tags.count == 1, "\(name).\(field.name) says not on which thread it runs")
        }
      }
    }
  }

  @Test func theReferenceHasEveryName() throws {
    let texts = try Self.files.map {
      (name: $0, text: try String(contentsOfFile: "\(Repository.root)/SDK/include/tepui/\($0)", encoding: .utf8))
    }
    let reference = HeaderReference.markdown(texts, version: "0.9")
    for name in try Self.files.flatMap({ try header($0).names }) {
      let last = name.split(separator: ".").last.map(String.init) ?? name
      #expect(
        reference.contains("`\(last)`") || reference.contains("#### \(name)\n"), "\(name) is not in the reference")
    }
    #expect(reference.contains("| `TEPUI_REFUSED` | `1` | not done, for a reason that is nobody's fault; go on |"))
    #expect(reference.contains("##### tepui_grant_sink.grant\n\n```c\ntepui_status (*grant)(void *context, "))
    #expect(!reference.contains("/*") && !reference.contains("*/"))
  }
}

extension Header {
  /// That of `TEPUI_ABI_VERSION`.
  fileprivate var versions: [[Int]] {
    declarations.compactMap { declaration in
      guard case .constant("TEPUI_ABI_VERSION", let value, _) = declaration else { return nil }
      return value.split { !$0.isNumber }.compactMap { Int($0) }
    }
  }
}
