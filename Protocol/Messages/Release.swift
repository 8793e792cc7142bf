/// What the programs of this package answer to `--version`.
package enum Release {
    /// Semantic Versioning 2.0.0, as in CHANGELOG.md.
    package static let version = "0.1.0"
}
