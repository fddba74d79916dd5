import CTepui
import ModuleHost

extension Check {
  /// Of every kind of module.
  static let common: [Check] = [
    Check(name: "exports only its entry function") { subject in
      let others = subject.module.exportedSymbols.filter { $0 != "tepui_module_entry" }
      try require(
        others.isEmpty,
        "it also exports \(others.prefix(5).joined(separator: ", "))\(others.count > 5 ? " and \(others.count - 5) more" : ""), "
          + "which may collide with other modules; compile with -fvisibility=hidden, or link with SDK/module.map")
      return []
    },
    Check(name: "negotiates the ABI") { subject in
      let current = ModuleInspection.newestABI
      let answer = subject.module.answer(toHostOf: current, current)
      try require(answer.status == TEPUI_OK, "it refuses a host of its own ABI: \(answer.text)")
      let again = subject.module.answer(toHostOf: current, current)
      try require(again == answer, "asked twice, its entry function answers differently")
      // It may know how to speak a later version, but never one that the host did not offer.
      for (oldest, newest, who) in [(99 << 16, 99 << 16, "later"), (1, 1, "older")] as [(UInt32, UInt32, String)] {
        let answer = subject.module.answer(toHostOf: oldest, newest)
        if answer.status == TEPUI_OK {
          try require(
            (oldest...newest).contains(answer.abi),
            "to an \(who) host it answers a version that the host does not speak; use tepui_module_fill, or refuse with "
              + "TEPUI_UNSUPPORTED")
        } else {
          try require(
            answer.status == TEPUI_UNSUPPORTED && !answer.text.isEmpty,
            "it must refuse an \(who) host with TEPUI_UNSUPPORTED and a text; it answers status \(answer.status) "
              + "with \"\(answer.text)\"")
        }
      }
      return []
    },
    Check(name: "accepts larger structs of a later host") { subject in
      let current = ModuleInspection.newestABI
      let answer = subject.module.answer(toHostOf: current, current &+ 5, extraBytes: 64)
      try require(
        answer.status == TEPUI_OK,
        "it refuses a host that speaks its ABI and a later minor version with larger structs: \(answer.text)")
      try require(
        answer.abi == subject.module.answer(toHostOf: current, current).abi,
        "it speaks another version to a host that offers more than it was built for")
      return []
    },
    Check(name: "knows which interfaces it has") { subject in
      let answer = subject.module.answer(toHostOf: ModuleInspection.newestABI, ModuleInspection.newestABI)
      try require(!answer.hasTableForUnknownID, "interface answers a table for an id that nobody defined; answer NULL")
      try require(!answer.hasTableForEmptyID, "interface answers a table for an empty id; answer NULL")
      return []
    },
    Check(name: "describes itself and its parameters") { subject in
      let descriptor = subject.module.descriptor
      var notes: [String] = []
      for (field, value) in [
        ("version", descriptor.version), ("author", descriptor.author), ("licence", descriptor.licence),
        ("summary", descriptor.summary),
      ] where value.isEmpty { notes.append("its descriptor has no \(field)") }
      for parameter in descriptor.parameters where parameter.help.isEmpty {
        notes.append("its parameter \(parameter.name) has no help")
      }
      return notes
    },
  ]
}
