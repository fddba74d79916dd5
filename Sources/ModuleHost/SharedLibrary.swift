import CLtdl
import CTepui
import Glibc

/// An opened shared library. It is never closed: code of a module may be referred to from anywhere, and unloading the
/// Swift ones breaks the runtime.
struct SharedLibrary {
  typealias Entry =
    @convention(c) (
      UnsafePointer<tepui_host>?, UnsafeMutablePointer<tepui_module>?, UnsafeMutablePointer<tepui_error>?
    ) -> tepui_status

  static let entrySymbol = "tepui_module_entry"

  let entry: Entry

  /// Opens a file that passed `ModuleFile.inspect`. On the thread that starts the daemon.
  static func open(_ path: String) throws(ModuleError) -> Self {
    // libltdl says "file not found" for whatever is wrong, and binds lazily, so that a missing function ends the
    // process at its first call. Opening with immediate binding first gives the true reason and settles all symbols.
    guard dlopen(path, RTLD_NOW | RTLD_LOCAL | Int32(RTLD_NODELETE)) != nil else {
      throw ModuleError(.linking, linkingMessage(path, dlerror().map { String(cString: $0) } ?? "unknown error"))
    }
    let handle = try openResident(path)
    guard let symbol = lt_dlsym(handle, entrySymbol) else {
      throw ModuleError(
        .entry,
        "\(path): is a shared library but no Tepui module: it exports no function \(entrySymbol); see SDK/README.md")
    }
    return Self(entry: unsafeBitCast(symbol, to: Entry.self))
  }

  private static func openResident(_ path: String) throws(ModuleError) -> lt_dlhandle {
    var advice: lt_dladvise?
    guard lt_dlinit() == 0, lt_dladvise_init(&advice) == 0 else { throw failure(path) }
    defer { lt_dladvise_destroy(&advice) }
    guard lt_dladvise_local(&advice) == 0, lt_dladvise_resident(&advice) == 0,
      let handle = lt_dlopenadvise(path, advice)
    else { throw failure(path) }
    return handle
  }

  private static func failure(_ path: String) -> ModuleError {
    ModuleError(.linking, "\(path): cannot be opened: \(lt_dlerror().map { String(cString: $0) } ?? "unknown error")")
  }

  /// The linker's text with what to do about it.
  private static func linkingMessage(_ path: String, _ text: String) -> String {
    let reason = text.hasPrefix("\(path): ") ? String(text.dropFirst(path.count + 2)) : text
    let undefined = "undefined symbol: "
    if reason.hasPrefix(undefined) {
      let symbol = reason.dropFirst(undefined.count).prefix { $0 != "," && $0 != " " }
      return "\(path): uses \(symbol), which no library that it links defines; link that library into the module"
    }
    if reason.contains("cannot open shared object file") {
      let library = reason.prefix { $0 != ":" }
      return "\(path): needs the library \(library), which was not found; install it or link it statically"
    }
    return "\(path): the dynamic linker refuses it: \(reason)"
  }
}
