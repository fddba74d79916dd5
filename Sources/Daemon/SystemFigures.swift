import Glibc

/// What the machine has, under the names of `/metrics/snapshot` (protocol fact 152). Any thread.
public enum SystemFigures {
  public static var current: [String: Double] {
    let page = Double(sysconf(Int32(_SC_PAGESIZE)))
    var values = [
      "system/cpus_total": Double(sysconf(Int32(_SC_NPROCESSORS_ONLN))),
      "system/mem_total_bytes": Double(sysconf(Int32(_SC_PHYS_PAGES))) * page,
      "system/mem_free_bytes": Double(sysconf(Int32(_SC_AVPHYS_PAGES))) * page,
    ]
    var loads = [0.0, 0.0, 0.0]
    if getloadavg(&loads, 3) == 3 {
      for (load, name) in zip(loads, ["1min", "5min", "15min"]) { values["system/load_\(name)"] = load }
    }
    return values
  }
}
