import CLtdl
import Glibc

extension ModuleFile {
  /// What keeps a file from being opened as a shared library, or nil.
  ///
  /// The dynamic linker maps a file before it looks closely, and a segment that ends behind the end of a truncated file
  /// is a SIGBUS inside of it, which nobody can catch. So the segments are checked against the file's size here, before
  /// the linker sees it.
  static func inspect(_ path: String) -> Problem? {
    let result = withOpenFile(path) { file, status throws(Problem) in
      guard status.st_mode & S_IFMT == S_IFREG else {
        throw Problem("is not a regular file; put the shared library here")
      }
      let size = UInt64(status.st_size)
      let header = try header(of: file, size: size)
      try checkSegments(of: file, header, size: size)
    }
    if case .failure(let problem) = result { return problem }
    return nil
  }

  private static func header(of file: Int32, size: UInt64) throws(Problem) -> Elf64_Ehdr {
    guard size > 0 else { throw Problem("is empty; copy the module here again") }
    let start = try bytes(of: file, from: 0, count: min(Int(size), MemoryLayout<Elf64_Ehdr>.size))
    guard start.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else {
      throw Problem(
        "is not a shared library but begins with \"\(oneLine(start.prefix(12)))\"; build it with cc -shared")
    }
    guard start.count == MemoryLayout<Elf64_Ehdr>.size else {
      throw Problem("is cut off after \(size) bytes, within its header; copy the module here again")
    }
    let header = start.withUnsafeBytes { $0.loadUnaligned(as: Elf64_Ehdr.self) }
    let isNative = start[Int(EI_CLASS)] == UInt8(ELFCLASS64) && start[Int(EI_DATA)] == UInt8(ELFDATA2LSB)
    guard isNative && Int32(header.e_machine) == machine else {
      let found = isNative ? name(ofMachine: Int32(header.e_machine)) : "another word size or byte order"
      throw Problem("is built for \(found) and this machine is \(name(ofMachine: machine)); build it for this machine")
    }
    guard Int32(header.e_type) == ET_DYN else {
      throw Problem("is an object file or a program, not a shared library; link it with cc -shared")
    }
    return header
  }

  private static func checkSegments(of file: Int32, _ header: Elf64_Ehdr, size: UInt64) throws(Problem) {
    let entry = MemoryLayout<Elf64_Phdr>.size
    guard Int(header.e_phentsize) == entry, header.e_phnum > 0, header.e_phnum < 1024 else {
      throw Problem("has a damaged ELF header; copy the module here again")
    }
    let length = Int(header.e_phnum) * entry
    try checkEnd(of: "table of segments", from: header.e_phoff, length: UInt64(length), size: size)
    let table = try bytes(of: file, from: Int(header.e_phoff), count: length)
    var hasDynamic = false
    for index in 0..<Int(header.e_phnum) {
      let segment = table.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: index * entry, as: Elf64_Phdr.self) }
      guard segment.p_type == UInt32(PT_LOAD) || segment.p_type == UInt32(PT_DYNAMIC) else { continue }
      try checkEnd(of: "segment \(index)", from: segment.p_offset, length: segment.p_filesz, size: size)
      if segment.p_type == UInt32(PT_DYNAMIC) { hasDynamic = true }
    }
    guard hasDynamic else {
      throw Problem("has no dynamic section, so it is no shared library; link it with cc -shared")
    }
  }

  private static func checkEnd(of what: String, from offset: UInt64, length: UInt64, size: UInt64) throws(Problem) {
    let (end, overflow) = offset.addingReportingOverflow(length)
    guard !overflow, end <= size else {
      throw Problem(
        "is cut off: its \(what) ends at byte \(overflow ? UInt64.max : end) and the file at \(size); copy the module here again"
      )
    }
  }

  #if arch(x86_64)
    private static let machine = EM_X86_64
  #elseif arch(arm64)
    private static let machine = EM_AARCH64
  #elseif arch(riscv64)
    private static let machine = EM_RISCV
  #endif

  private static func name(ofMachine machine: Int32) -> String {
    switch machine {
    case EM_X86_64: "x86-64"
    case EM_AARCH64: "64-bit ARM"
    case EM_RISCV: "RISC-V"
    case EM_386: "32-bit x86"
    case EM_ARM: "32-bit ARM"
    case EM_PPC64: "PowerPC 64"
    case EM_S390: "S/390"
    default: "another machine (ELF number \(machine))"
    }
  }
}
