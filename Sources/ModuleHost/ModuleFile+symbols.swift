import CLtdl
import Glibc

extension ModuleFile {
  /// Names in the dynamic symbol table that the file itself defines and others can see; empty if there is no such table.
  static func exportedSymbols(_ path: String) -> [String] {
    let result = withOpenFile(path) { file, status throws(Problem) in
      try symbols(of: file, size: UInt64(clamping: status.st_size))
    }
    return (try? result.get()) ?? []
  }

  private static func symbols(of file: Int32, size: UInt64) throws(Problem) -> [String] {
    let start = try bytes(of: file, from: 0, count: MemoryLayout<Elf64_Ehdr>.size)
    let header = start.withUnsafeBytes { $0.loadUnaligned(as: Elf64_Ehdr.self) }
    guard Int(header.e_shentsize) == MemoryLayout<Elf64_Shdr>.size else { return [] }
    let sections: [Elf64_Shdr] = try table(
      of: file, at: header.e_shoff, length: UInt64(header.e_shnum) * UInt64(header.e_shentsize), size: size)
    guard let dynamic = sections.first(where: { $0.sh_type == UInt32(SHT_DYNSYM) }),
      sections.indices.contains(Int(dynamic.sh_link))
    else { return [] }
    let symbols: [Elf64_Sym] = try table(of: file, at: dynamic.sh_offset, length: dynamic.sh_size, size: size)
    let strings = sections[Int(dynamic.sh_link)]
    let names: [UInt8] = try table(of: file, at: strings.sh_offset, length: strings.sh_size, size: size)
    return symbols.filter { symbol in
      let isGlobal = symbol.st_info >> 4 == UInt8(STB_GLOBAL) || symbol.st_info >> 4 == UInt8(STB_WEAK)
      let isVisible = symbol.st_other & 3 == UInt8(STV_DEFAULT) || symbol.st_other & 3 == UInt8(STV_PROTECTED)
      return isGlobal && isVisible && symbol.st_shndx != UInt16(SHN_UNDEF) && Int(symbol.st_name) < names.count
    }.map { String(decoding: names[Int($0.st_name)...].prefix { $0 != 0 }, as: UTF8.self) }.sorted()
  }

  /// As many whole elements as fit; a table that reaches beyond the end of the file, or is huge, is damaged.
  private static func table<Element: BitwiseCopyable>(
    of file: Int32, at offset: UInt64, length: UInt64, size: UInt64
  ) throws(Problem) -> [Element] {
    let (end, overflow) = offset.addingReportingOverflow(length)
    guard !overflow, end <= size, length <= 64 << 20 else { throw Problem("has a damaged table of sections") }
    let bytes = try bytes(of: file, from: Int(offset), count: Int(length))
    let stride = MemoryLayout<Element>.stride
    return bytes.withUnsafeBytes { bytes in
      (0..<bytes.count / stride).map { bytes.loadUnaligned(fromByteOffset: $0 * stride, as: Element.self) }
    }
  }
}
