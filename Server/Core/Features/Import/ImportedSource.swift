import GatehouseCryptography
package import GatehouseJSON
package import GatehouseOpenCAP
import GatehouseStorage

/// A domain of a file, and what it is here.
package struct ImportedDomain: Sendable {
    package enum Standing: String, Sendable {
        /// Is made.
        case new
        /// Is hosted here; aliases come along into it.
        case there
        /// Is not made, and its aliases do not come along.
        case refused
    }

    package enum Secret: String, Sendable {
        /// Came along as a hash.
        case kept
        /// The file has none that could come along.
        case none
    }

    /// As the file has it.
    package let name: String
    /// Nil when it is none.
    package let domain: DomainName?
    /// Further names under which the server is reached for it.
    package let hosts: [DomainName]
    package internal(set) var standing: Standing
    package let secret: Secret
    /// What the domain may be in truth, when `name` looks like that of a server for it.
    package let suggestion: DomainName?

    let row: Int64?
    let secretHash: String?
    /// Why its aliases do not come along.
    var refusal: String?
}

extension ImportedDomain {
    /// A line for the person at the terminal.
    package func text(isDryRun: Bool) -> String {
        let shown = JSONValue.string(String(name.unicodeScalars.prefix(253))).text
        guard let domain, standing != .refused else { return "Domain \(shown) does not come along." }
        let names = hosts.isEmpty ? "" : ", also reached as \(hosts.map(\.text).joined(separator: ", "))"
        var text =
            "Domain \(shown): \(standing == .there ? "the domain \(domain), which is here" : "\(domain)")\(names)."
        if standing == .new, secret == .none {
            text += " It has no secret; `gatehouse domain rotate-secret \(domain)` gives it one."
        }
        if isDryRun, standing == .new, let suggestion {
            text += " If its aliases are those of \(suggestion): --domain \(name)=\(suggestion)"
        }
        return text
    }

    package var json: JSONValue {
        [
            "name": .string(name), "domain": domain.map { .string($0.text) } ?? .null,
            "hosts": .array(hosts.map { .string($0.text) }), "outcome": .string(standing.rawValue),
            "secret": standing == .refused ? .null : .string(secret.rawValue),
            "suggestion": suggestion.map { .string($0.text) } ?? .null,
        ]
    }
}

/// What the store knows of a file that came along.
///
/// There is no row for each user. Users have come along up to a number, in rounds, each in the order of the names; what did not is
/// noted. Who an account belongs to shows by its identifier: a code, under the file's key, of the number of the user. So an address that
/// was added to the file later finds its account without a list, and never that of somebody who took the name later.
struct ImportedSource: Sendable {
    let id: String
    let key: HMACKey
    /// In the store; nil while nothing has come along.
    let isKnown: Bool
    var usersUntil = Int64.min
    var addressesUntil = Int64.min
    /// Of a round that was not finished.
    var round: (users: Int64, name: String)?
    private let keyText: String

    /// One that has not come along.
    init(new anchors: [AliasFile.Anchor]) {
        keyText = Base64URL.encode(SystemRandom.bytes(32))
        key = HMACKey(.sha256, secret: Array(keyText.utf8))
        // Two imports of one file at once make the same, so that the second one fails.
        id = anchors.first?.code ?? SystemRandom.identifier()
        isKnown = false
    }

    private init(_ row: Row) throws {
        id = try row.text("id")
        keyText = try row.text("key")
        key = HMACKey(.sha256, secret: Array(keyText.utf8))
        isKnown = true
        usersUntil = try row.integer("users_until")
        addressesUntil = try row.integer("addresses_until")
        if let users = try row.optionalInteger("round_users") { round = (users, try row.text("round_name")) }
    }

    /// The one that a file is, whatever was added to it since.
    static func find(_ file: AliasFile, _ format: ImportFormat, in sql: borrowing Transaction) throws -> ImportedSource?
    {
        for row in try sql("SELECT * FROM imported_sources WHERE format = \(format.rawValue) ORDER BY id") {
            let source = try ImportedSource(row)
            let anchors = try sql("SELECT place, number, code FROM imported_anchors WHERE source = \(source.id)").map {
                row throws in
                AliasFile.Anchor(
                    place: try row.text("place"), number: try row.integer("number"), code: try row.text("code"))
            }
            if try anchors.contains(where: file.has) { return source }
        }
        return nil
    }

    // MARK: Identifiers

    /// 128 bits that nobody can guess, and before them where the account stands among those that come along with it, so that
    /// neighbours by name are neighbours in every index.
    ///
    /// - Parameter position: from 0 up to 1.
    func account(ofUser number: Int64, at position: Double) -> String {
        let place = String(UInt32(min(max(position, 0), 1) * Double(0xFF_FFFF)), radix: 16)
        return String(repeating: "0", count: 6 - place.utf8.count) + place + code(ofUser: number)
    }

    func isAccount(_ id: String, ofUser number: Int64) -> Bool {
        id.utf8.count == 28 && id.hasSuffix(code(ofUser: number))
    }

    private func code(ofUser number: Int64) -> String {
        Base64URL.encode(Array(key.code(for: Array("user \(number)".utf8)).prefix(16)))
    }

    // MARK: In the transaction of what comes along

    func insert(
        _ format: ImportFormat, addressesUntil: Int64, _ anchors: [AliasFile.Anchor], in sql: borrowing Transaction
    ) throws {
        try sql(
            """
            INSERT INTO imported_sources (id, format, key, users_until, addresses_until)
            VALUES (\(id), \(format.rawValue), \(keyText), \(usersUntil), \(addressesUntil))
            """)
        try keep(anchors, in: sql)
    }

    /// As the file is now.
    func keep(_ anchors: [AliasFile.Anchor], in sql: borrowing Transaction) throws {
        for anchor in anchors {
            try sql(
                """
                INSERT INTO imported_anchors (source, place, number, code)
                VALUES (\(id), \(anchor.place), \(anchor.number), \(anchor.code))
                ON CONFLICT (source, place) DO UPDATE SET number = excluded.number, code = excluded.code
                """)
        }
    }

    /// - Throws: `ImportError.another` when somebody else moved it.
    func advance(from before: ImportedSource, in sql: borrowing Transaction) throws {
        let moved = try sql.changes(
            """
            UPDATE imported_sources SET users_until = \(usersUntil), addresses_until = \(addressesUntil),
                round_users = \(round?.users), round_name = \(round?.name)
            WHERE id = \(id) AND users_until = \(before.usersUntil) AND addresses_until = \(before.addressesUntil)
                AND COALESCE(round_name, '') = \(before.round?.name ?? "")
            """)
        guard moved == 1 else { throw ImportError.another }
    }

    static func domain(_ name: String, of source: String, in sql: borrowing Transaction) throws -> String? {
        try sql("SELECT domain FROM imported_domains WHERE source = \(source) AND name = \(name)").first?.text("domain")
    }

    func isRefused(_ kind: ImportKind, _ number: Int64, in sql: borrowing Transaction) throws -> Bool {
        try !sql(
            """
            SELECT 1 FROM imported_refusals WHERE source = \(id) AND kind = \(kind.rawValue) AND number = \(number)
            """
        ).isEmpty
    }
}
