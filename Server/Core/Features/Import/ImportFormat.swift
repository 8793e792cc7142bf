/// What programs an import understands. This is the one list of them.
package enum ImportFormat: String, CaseIterable, Sendable {
    /// `mongoexport` of the one collection of a C3-PRO IDM service.
    case c3pro = "c3-pro"
}
