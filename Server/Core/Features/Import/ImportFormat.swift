/// What programs an import understands. This is the one list of them.
package enum ImportFormat: String, CaseIterable, Sendable {
    /// `mongoexport` of the one collection of a C3-PRO IDM service.
    case c3pro = "c3-pro"
    /// The SQLite file of flaskCCAP, or of restfulCAP.
    case flaskCCAP = "flask-ccap"
    /// The SQLite file of OpenCAP's go-server.
    case goServer = "go-server"

    /// What such a file has, in the order in which it comes along.
    var kinds: [ImportKind] {
        switch self {
        case .c3pro: [.user, .subject, .link, .audit, .document]
        case .flaskCCAP, .goServer: [.domain, .user, .address]
        }
    }
}
