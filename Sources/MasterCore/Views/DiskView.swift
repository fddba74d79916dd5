import Resources

extension ResourcesView {
  static func full(_ disk: Disk) -> ViewValue {
    [
      "persistence": disk.persistence.map { ["id": .text($0.id), "principal": .of($0.principal)] } ?? .absent,
      "volume": disk.volume.map { volume in
        [
          "mode": volume.isReadOnly ? "RO" : "RW", "container_path": .text(volume.containerPath),
          "host_path": .of(volume.hostPath),
        ]
      } ?? .absent, "source": disk.source.map(full) ?? .absent,
    ]
  }

  private static func full(_ source: Disk.Source) -> ViewValue {
    let root: ViewValue = source.root.map { ["root": .text($0)] } ?? [:]
    return [
      "type": .text(source.kind.rawValue), "path": source.kind == .path ? root : .absent,
      "mount": source.kind == .mount ? root : .absent, "vendor": .of(source.vendor), "id": .of(source.id),
      "profile": .of(source.profile), "metadata": full(source.metadata),
    ]
  }

  static func full(_ labels: [Label]) -> ViewValue {
    if labels.isEmpty { return .absent }
    return ["labels": .list(labels.map { ["key": .text($0.key), "value": .of($0.value)] })]
  }
}
