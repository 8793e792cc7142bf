import GatehouseCryptography
import GatehouseJSON
import GatehouseMessages
import GatehouseStorage
import WebTokens

/// Links between subjects and their accounts in another system, and the tokens by which a participant makes one.
struct Links: Sendable {
    /// Seconds that a link token is good for unless the link says otherwise.
    static let lifetime: Int64 = 86_400
    /// Seconds that somebody can give a link at most.
    static let longestLifetime: Int64 = 366 * 86_400

    let database: any Database
    let masterKey: SealingKey
    let issuer: String
    let audience: String
    let clock: Clock
    let faults: Faults

    /// The subject's links, oldest first.
    ///
    /// - Throws: `Problem.notFound`.
    func list(of sssid: String) async throws -> [LinkRecord] {
        try await database.read { sql in
            try LinkRecord.all(ofSubject: try StoredSubject.require(sssid, in: sql).number, in: sql, faults)
        }
    }

    /// - Throws: `Problem.notFound`, `.notConsented`.
    func create(for sssid: String, by actor: Actor) async throws -> LinkRecord {
        let now = clock.now()
        return try await database.transaction { sql in
            let stored = try StoredSubject.require(sssid, in: sql)
            guard stored.subject.date(.consented) != nil else { throw Problem.notConsented }
            let link = LinkRecord(
                id: SystemRandom.identifier(), subject: stored.number, sssid: stored.subject.sssid.text,
                issuer: issuer, audience: audience, algorithm: LinkToken.algorithm.rawValue, hasToken: false,
                createdAt: now, changedAt: now)
            try link.insert(in: sql)
            try AuditLog.record("create", on: link.auditObject, by: actor, at: now, in: sql)
            return link
        }
    }

    /// - Throws: `Problem.notFound`.
    func require(_ id: String) async throws -> LinkRecord {
        try await database.read { sql in try LinkRecord.require(id, in: sql) }
    }

    /// Changes what is sent. A change that changes nothing leaves no trace.
    ///
    /// - Throws: `Problem.notFound`; as `LinkRecord.merge`.
    func change(_ id: String, _ change: LinkChange, by actor: Actor) async throws {
        let now = clock.now()
        try await database.transaction { sql in
            var link = try LinkRecord.require(id, in: sql)
            let what = try link.merge(change, at: now, faults)
            guard !what.isEmpty else { return }
            link.changedAt = now
            try link.update(in: sql)
            try StoredSubject.takeDates(fromLinksOf: link.subject, in: sql)
            try AuditLog.record(what.joined(separator: "; "), on: link.auditObject, by: actor, at: now, in: sql)
        }
    }

    /// The link's token, the same octets each time. That it was read stands in the audit log.
    ///
    /// - Throws: `Problem.notFound`; `.linkGone` once it was used or is over.
    func token(of id: String, for actor: Actor) async throws -> LinkToken {
        let now = clock.now()
        return try await database.transaction { sql in
            var (link, token, isNew) = try token(of: id, at: now, in: sql)
            guard isNew else {
                try AuditLog.record("read JWT", on: link.auditObject, by: actor, at: now, in: sql)
                return token
            }
            link.changedAt = now
            try link.update(in: sql)
            try Self.keep(token, masterKey, in: sql)
            try AuditLog.record("create JWT", on: link.auditObject, by: actor, at: now, in: sql)
            return token
        }
    }

    /// A token as `token(of:for:)` would give it, without making or reading one: for HEAD, which changes nothing.
    func likeness(ofTokenOf id: String) async throws -> LinkToken {
        let now = clock.now()
        return try await database.read { sql in try token(of: id, at: now, in: sql).token }
    }

    private func token(
        of id: String, at now: Int64, in sql: borrowing Transaction
    ) throws -> (link: LinkRecord, token: LinkToken, isNew: Bool) {
        var link = try LinkRecord.require(id, in: sql)
        guard !link.isEstablished else { throw Problem.linkGone.saying("this link has already been established") }
        guard !link.isOver(at: now) else { throw Problem.linkGone }
        if let token = try sealedToken(of: id, in: sql) { return (link, token, false) }
        let expiry = link.expiresAt ?? now.unixSeconds + Self.lifetime
        link.expiresAt = expiry
        let subject = try StoredSubject.require(number: link.subject, in: sql).subject
        return (link, try LinkToken(for: link, of: subject, expiresAt: expiry, masterKey), true)
    }

    /// The link that a token belongs to, as long as it can be established.
    ///
    /// - Throws: `Problem.linkUnknown` unless it is the token of a link, octet by octet; `.linkExpired`.
    func link(of token: LinkToken) async throws -> LinkRecord {
        let now = clock.now()
        return try await database.read { sql in try link(of: token, at: now, in: sql) }
    }

    /// Ties the subject to a patient of another system. Of several at once one does.
    ///
    /// - Throws: as `link(of:)`; `Problem.linkEstablished`.
    func establish(_ token: LinkToken, to patient: PatientIdentifier) async throws {
        let now = clock.now()
        try await database.transaction { sql in
            var link = try link(of: token, at: now, in: sql)
            link.establish(to: patient.value, system: patient.system, at: now)
            let won = try sql.changes(
                """
                UPDATE links SET linked_to = \(link.linkedTo), linked_system = \(link.linkedSystem),
                    linked_on = \(link.linkedOn?.text), linked_at = \(link.linkedOn?.instant), changed_at = \(now)
                WHERE id = \(link.id) AND linked_to IS NULL
                """)
            guard won == 1 else {
                throw Problem.linkEstablished.saying("this link has already been established")
            }
            try StoredSubject.takeDates(fromLinksOf: link.subject, in: sql)
            try AuditLog.record(
                "link to \(patient.value)", on: link.auditObject, by: .anonymous, at: now, in: sql)
        }
    }

    private func link(of token: LinkToken, at now: Int64, in sql: borrowing Transaction) throws -> LinkRecord {
        guard let link = try LinkRecord.find(token.link, in: sql), let kept = try sealedToken(of: link.id, in: sql),
            isEqualInConstantTime(Array(kept.text.utf8), Array(token.text.utf8))
        else { throw Problem.linkUnknown }
        // An established one that is over has been established all the same.
        guard link.isEstablished || !link.isOver(at: now) else { throw Problem.linkExpired }
        return link
    }

    private func sealedToken(of id: String, in sql: borrowing Transaction) throws -> LinkToken? {
        guard let row = try sql("SELECT sealed_token FROM links WHERE id = \(id)").first,
            let sealed = try row.optionalText("sealed_token").flatMap({ Base64URL.decode($0) })
        else { return nil }
        let text = try masterKey.open(sealed, context: Self.place(of: id))
        return LinkToken(reading: String(decoding: text, as: UTF8.self))
    }

    /// Writes down the token of a link, sealed.
    static func keep(_ token: LinkToken, _ masterKey: SealingKey, in sql: borrowing Transaction) throws {
        let sealed = try masterKey.seal(Array(token.text.utf8), context: place(of: token.link))
        try sql("UPDATE links SET sealed_token = \(Base64URL.encode(sealed)) WHERE id = \(token.link)")
    }

    private static func place(of id: String) -> String { "link token \(id)" }
}

/// A token that a participant shows to tie their account in another system to the subject they are. Health data: it holds
/// name and birthday.
struct LinkToken: Sendable {
    static let algorithm = JWSAlgorithm.hs256
    static let type = "JWT"

    let text: String
    /// The `jti`: the link's identifier.
    let link: String

    init(
        for link: LinkRecord, of subject: Subject, expiresAt: Int64, _ masterKey: SealingKey
    ) throws {
        // A key of its own, so that no other token is one of these, nor these one of another kind.
        let secret = masterKey.derive("gatehouse link tokens", count: 32)
        let key = try SigningKey(
            JWK(["kty": "oct", "k": .string(Base64URL.encode(secret)), "alg": .string(Self.algorithm.rawValue)]))
        let claims: JSONValue = [
            "jti": .string(link.id), "iss": .string(link.issuer), "aud": .string(link.audience),
            "exp": .number(JSONNumber(expiresAt)), "sub": .string(subject.name),
            "birthdate": .string(subject.bday.text),
        ]
        text = try JWS.sign(claims.bytes(), type: Self.type, with: key)
        self.link = link.id
    }

    /// What somebody presents. Whether it is one of ours, only the store can say: it has each of them.
    ///
    /// - Returns: nil for what cannot be one.
    init?(reading text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard text.utf8.count <= 4096, parts.count == 3, let payload = Base64URL.decode(String(parts[1])),
            let id = (try? JSONValue(parsing: payload))?["jti"]?.string, !id.utf8.contains(0)
        else { return nil }
        self.text = text
        link = id
    }
}
