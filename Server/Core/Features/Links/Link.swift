import GatehouseJSON
import GatehouseMessages
import GatehouseStorage

/// What ties a subject to the account of their own in another system. Its identifier is the `jti` of its token.
struct LinkRecord: Sendable, Equatable {
    static let kind = "link"

    let id: String
    /// The subject's place in the order of creation.
    var subject: Int64
    let sssid: String
    let issuer: String
    let audience: String
    let algorithm: String
    /// Unix seconds; nil until there is a token, or somebody says when it shall expire.
    var expiresAt: Int64?
    /// Whether its token has been made.
    let hasToken: Bool
    let createdAt: Int64
    var changedAt: Int64
    var linkedTo: String?
    var linkedSystem: String?
    var linkedOn: StudyDate?
    var withdrawnOn: StudyDate?

    var isEstablished: Bool { linkedTo != nil }
    var auditObject: AuditObject { AuditObject(Self.kind, id, subject: subject) }

    /// Whether nobody can be linked by it any more although nobody was.
    func isOver(at now: Int64) -> Bool {
        withdrawnOn != nil || expiresAt.map { $0 <= now.unixSeconds } ?? false
    }

    var json: JSONValue {
        var members: [JSONValue.Member] = []
        func add(_ name: String, _ value: JSONValue?) {
            if let value { members.append(.init(name: name, value: value)) }
        }
        add("_id", .string(id))
        add("sub", .string(sssid))
        add("iss", .string(issuer))
        add("aud", .string(audience))
        add("algorithm", .string(algorithm))
        add("exp", expiresAt.map { .number(JSONNumber($0)) })
        add("created", .string(RFC3339.text(createdAt)))
        add("changed", .string(RFC3339.text(changedAt)))
        add("linked_to", linkedTo.map(JSONValue.string))
        add("linked_system", linkedSystem.map(JSONValue.string))
        add("linked_on", (linkedOn?.text).map(JSONValue.string))
        add("withdrawn_on", (withdrawnOn?.text).map(JSONValue.string))
        return .object(members)
    }
}

// MARK: - What is sent

/// What a request about a link wants changed: nil for a member that was not sent, an inner nil for one sent as null.
struct LinkChange: Sendable {
    /// Characters of `linked_to` and `linked_system`.
    static let longest = 1024

    let linkedTo: String??
    let linkedSystem: String??
    let withdrawnOn: StudyDate??
    let expiresAt: Int64??
    /// Members that never change, as they were sent.
    let fixed: [JSONValue.Member]

    private static let fixedNames: Set<String> = ["_id", "sub", "iss", "aud", "algorithm", "created", "linked_on"]

    /// - Throws: `Problem.wrongType`, `.invalidMember`.
    init(_ body: JSONValue) throws(Problem) {
        linkedTo = try Self.text("linked_to", in: body)
        linkedSystem = try Self.text("linked_system", in: body)
        if let withdrawn = try Self.text("withdrawn_on", in: body) {
            withdrawnOn = .some(
                try withdrawn.map { text throws(Problem) in
                    guard let date = StudyDate(text) else {
                        throw .invalidMember.saying(
                            "The date for withdrawn_on \"\(text.prefix(64))\" is not properly formatted")
                    }
                    return date
                })
        } else {
            withdrawnOn = nil
        }
        if let value = body["exp"] {
            expiresAt = .some(value.isNull ? nil : try body.requireInteger("exp"))
        } else {
            expiresAt = nil
        }
        fixed = (body.object ?? []).filter { member in
            Self.fixedNames.contains { isSameText($0, member.name) }
        }
    }

    static func isPlain(_ text: String) -> Bool {
        (1...longest).contains(text.unicodeScalars.count) && !text.hasControls
    }

    private static func text(_ name: String, in body: JSONValue) throws(Problem) -> String?? {
        guard let value = body[name] else { return nil }
        if value.isNull { return .some(nil) }
        let text = try body.requireString(name)
        guard isPlain(text) else {
            throw .invalidMember.saying(
                "The member \"\(name)\" must have 1 to \(longest) characters, none of them a control character.")
        }
        return text
    }
}

extension LinkRecord {
    /// Takes over what is sent.
    ///
    /// - Returns: what changed, as the audit log says it; empty when nothing did.
    /// - Throws: `Problem.linkFixed` for what cannot change any more, `.linkEstablished` for another end of an established
    ///   link, `.missingMember` for a system without an identifier in it.
    mutating func merge(_ change: LinkChange, at now: Int64, _ faults: Faults) throws(Problem) -> [String] {
        var what: [String] = []
        let known = json
        for member in change.fixed where known[member.name]?.isEquivalent(to: member.value) != true {
            // One that is not there and was sent as null does not change either.
            if known[member.name] == nil, member.value.isNull { continue }
            if faults.leavesLinksOpen { continue }
            throw .linkFixed.saying("property `\(member.name)` can no longer be changed")
        }
        if let expiry = change.expiresAt, expiry != expiresAt {
            guard !hasToken else { throw .linkFixed.saying("property `exp` can no longer be changed") }
            if let expiry {
                guard expiry > now.unixSeconds, expiry < now.unixSeconds + Links.longestLifetime else {
                    throw .invalidMember.saying("The member \"exp\" must be within the next year, in Unix seconds.")
                }
            }
            expiresAt = expiry
            what.append("expires: \(expiry.map { RFC3339.text(.seconds($0)) } ?? "")")
        }
        try establish(change, at: now, &what)
        if let withdrawn = change.withdrawnOn, withdrawn?.text != withdrawnOn?.text {
            withdrawnOn = withdrawn
            what.append("withdrawn: \(withdrawn?.text ?? "")")
        }
        return what
    }

    private mutating func establish(_ change: LinkChange, at now: Int64, _ what: inout [String]) throws(Problem) {
        if isEstablished {
            if let other = change.linkedTo, other != linkedTo {
                throw .linkEstablished.saying("cannot change an established link [1]")
            }
            if let other = change.linkedSystem, other != linkedSystem {
                throw .linkEstablished.saying("cannot change an established link [2]")
            }
            return
        }
        let system = change.linkedSystem ?? nil
        guard let end = change.linkedTo ?? nil else {
            guard system == nil else {
                throw .missingMember.saying("cannot set `linked_system` without `linked_to`")
            }
            return
        }
        establish(to: end, system: system, at: now)
        what.append("link to \(end)")
    }

    mutating func establish(to end: String, system: String?, at now: Int64) {
        linkedTo = end
        linkedSystem = system
        linkedOn = StudyDate(RFC3339.text(now))
    }
}

// MARK: - In the store

extension LinkRecord {
    /// The columns that `init(_:)` reads.
    private static let columns: Query = """
        SELECT l.id, l.subject, s.sssid, l.issuer, l.audience, l.algorithm, l.expires_at,
            l.sealed_token IS NOT NULL AS has_token, l.created_at, l.changed_at, l.linked_to, l.linked_system,
            l.linked_on, l.withdrawn_on
        FROM links l JOIN subjects s ON s.number = l.subject
        """

    private init(_ row: Row) throws {
        id = try row.text("id")
        subject = try row.integer("subject")
        sssid = try row.text("sssid")
        issuer = try row.text("issuer")
        audience = try row.text("audience")
        algorithm = try row.text("algorithm")
        expiresAt = try row.optionalInteger("expires_at")
        hasToken = try row.integer("has_token") == 1
        createdAt = try row.integer("created_at")
        changedAt = try row.integer("changed_at")
        linkedTo = try row.optionalText("linked_to")
        linkedSystem = try row.optionalText("linked_system")
        linkedOn = try row.optionalText("linked_on").flatMap { StudyDate($0) }
        withdrawnOn = try row.optionalText("withdrawn_on").flatMap { StudyDate($0) }
    }

    static func find(_ id: String, in sql: borrowing Transaction) throws -> LinkRecord? {
        try sql("\(columns) WHERE l.id = \(id)").first.map(LinkRecord.init)
    }

    /// - Throws: `Problem.notFound`.
    static func require(_ id: String, in sql: borrowing Transaction) throws -> LinkRecord {
        guard let link = try find(id, in: sql) else { throw Problem.notFound }
        return link
    }

    /// Oldest first.
    static func all(ofSubject number: Int64, in sql: borrowing Transaction, _ faults: Faults) throws -> [LinkRecord] {
        try sql(
            "\(columns) WHERE l.subject = \(number) ORDER BY l.created_at, l.id LIMIT \(faults.cutsLists ? 50 : Int64.max)"
        ).map(LinkRecord.init)
    }

    func insert(in sql: borrowing Transaction) throws {
        try sql(
            """
            INSERT INTO links (id, subject, issuer, audience, algorithm, expires_at, created_at, changed_at, linked_to,
                linked_system, linked_on, linked_at, withdrawn_on, withdrawn_at)
            VALUES (\(id), \(subject), \(issuer), \(audience), \(algorithm), \(expiresAt), \(createdAt), \(changedAt),
                \(linkedTo), \(linkedSystem), \(linkedOn?.text), \(linkedOn?.instant), \(withdrawnOn?.text),
                \(withdrawnOn?.instant))
            """)
    }

    func update(in sql: borrowing Transaction) throws {
        try sql(
            """
            UPDATE links SET expires_at = \(expiresAt), changed_at = \(changedAt), linked_to = \(linkedTo),
                linked_system = \(linkedSystem), linked_on = \(linkedOn?.text), linked_at = \(linkedOn?.instant),
                withdrawn_on = \(withdrawnOn?.text), withdrawn_at = \(withdrawnOn?.instant)
            WHERE id = \(id)
            """)
    }
}

extension StoredSubject {
    /// Takes over what the subject's links tell: enrolled at the earliest of those that were not withdrawn, withdrawn at the
    /// end of the latest.
    static func takeDates(fromLinksOf number: Int64, in sql: borrowing Transaction) throws {
        var stored = try require(number: number, in: sql)
        let old = stored.subject
        let enrolled = try sql(
            """
            SELECT linked_on FROM links WHERE subject = \(number) AND linked_at IS NOT NULL AND withdrawn_at IS NULL
            ORDER BY linked_at LIMIT 1
            """)
        let withdrawn = try sql(
            """
            SELECT withdrawn_on FROM links WHERE subject = \(number) AND withdrawn_at IS NOT NULL
            ORDER BY withdrawn_at DESC LIMIT 1
            """)
        stored.subject.derived[.enrolled] = try enrolled.first.flatMap { StudyDate(try $0.text("linked_on")) }
        stored.subject.derived[.withdrawn] = try withdrawn.first.flatMap { StudyDate(try $0.text("withdrawn_on")) }
        if stored.subject != old { try stored.update(from: old, in: sql) }
    }
}
