// swift-tools-version: 6.2
// The Swift side of the SDK alone, for modules in packages of their own: it depends on nothing.
import PackageDescription

let package = Package(
  name: "tepui-sdk",
  products: [.library(name: "TepuiModule", targets: ["TepuiModule"])],
  targets: [
    .target(
      name: "CTepui", path: ".", exclude: ["Swift", "templates", "README.md", "ABI.md", "ISOLATORS.md", "module.map"],
      sources: ["module.c"]),
    .target(name: "TepuiModule", dependencies: ["CTepui"], path: "Swift"),
  ])
