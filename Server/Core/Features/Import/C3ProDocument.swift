import Foundation
import GatehouseCryptography
import GatehouseJSON
import GatehouseMessages
import GatehousePasswords
import WebTokens

/// One document of a C3-PRO IDM service, checked as if it had been sent to this server.
struct C3ProDocument: Sendable {
    enum Content: Sendable {
        case user(User)
        case subject(Subject)
        case link(Link)
        case audit(Audit)
    }

    struct User: Sendable {
        let email: EmailAddress
        /// Of bcrypt.
        let passwordHash: String
        let isAdmin: Bool
        let createdAt: Int64
    }

    struct Link: Sendable {
        let sssid: SSSID
        /// With 0 for the subject, whose place only the store knows.
        let record: LinkRecord
        /// What a participant may hold; nil unless it is good here too.
        let token: LinkToken?
    }

    struct Audit: Sendable {
        let action: String
        let at: Int64
        /// The `_id` of the document that it is about.
        let object: String
        /// The `_id` of a user; nil for a stranger.
        let actor: String?
    }

    let id: String
    let content: Content
    /// What stays behind of it.
    let remarks: [String]

    /// - Parameters:
    ///   - document: in normal form.
    ///   - now: a token that has expired by then is no loss.
    /// - Throws: `ImportRefusal`.
    init(_ document: JSONValue, at now: Int64) throws {
        guard document.object != nil else { throw ImportRefusal("it is \(document.kind) and no document") }
        guard let id = Self.id(of: document) else {
            throw ImportRefusal("it has no _id of the form that mongoexport writes, {\"$oid\": …}")
        }
        self.id = id
        var remarks: [String] = []
        switch Self.kind(of: document) {
        case .user: content = .user(try Self.user(document, id, &remarks))
        case .subject: content = .subject(try Self.subject(document, id, &remarks))
        case .link: content = .link(try Self.link(document, id, at: now, &remarks))
        case .audit: content = .audit(try Self.audit(document, &remarks))
        case .domain, .address, .document: throw ImportRefusal("its type is none of user, subject, link and audit")
        }
        self.remarks = remarks
    }

    static func id(of document: JSONValue) -> String? { document["_id"]?.objectID }

    static func kind(of document: JSONValue) -> ImportKind {
        switch document["type"]?.string {
        case "user": .user
        case "subject": .subject
        case "link": .link
        case "audit": .audit
        default: .document
        }
    }

    /// The `sssid` of a subject, also of one that cannot come along.
    static func sssid(of document: JSONValue) -> SSSID? { document["sssid"]?.string.flatMap { SSSID(known: $0) } }

    // MARK: Each kind

    private static func user(_ document: JSONValue, _ id: String, _ remarks: inout [String]) throws -> User {
        guard let username = document["username"]?.string else { throw ImportRefusal("its username is no text") }
        guard let email = try? EmailAddress(username) else {
            throw ImportRefusal("its username is no e-mail address")
        }
        guard let octets = document["password"]?.octets, let text = String(validating: octets, as: UTF8.self),
            let hash = try? BcryptHash(text)
        else {
            throw ImportRefusal(
                "its password is no hash of bcrypt ($2a$, $2b$ or $2y$) with a cost from \(BcryptHash.costs.lowerBound) to "
                    + "\(BcryptHash.costs.upperBound)")
        }
        let isAdmin: Bool
        switch document["admin"] {
        case nil, .null: isAdmin = false
        case .bool(let flag): isAdmin = flag
        default: throw ImportRefusal("its member admin is neither true nor false")
        }
        if let temporary = document["temporary"], !temporary.isNull {
            remarks.append("a password reset had been asked for; the link in that mail is void")
        }
        leave(document, except: ["_id", "type", "username", "password", "admin", "temporary"], &remarks)
        return User(
            email: email, passwordHash: hash.text, isAdmin: isAdmin, createdAt: time("created", document, id, &remarks))
    }

    private static func subject(
        _ document: JSONValue, _ id: String, _ remarks: inout [String]
    ) throws -> Subject {
        for name in ["bday"] + StudyStep.allCases.map(\.member) {
            // Checked here too, since the words of the wire repeat the date.
            if let text = document[name]?.string, StudyDate(text) == nil {
                throw ImportRefusal(
                    "its \(name) is neither YYYY-MM-DD nor a time of RFC 3339, of the years 1900 to 2100")
            }
        }
        let known = SubjectChange.ignored.union(["sssid", "name", "bday"]).union(StudyStep.allCases.map(\.member))
        var members: [JSONValue.Member] = []
        var left: [String] = []
        for member in document.object ?? [] {
            switch member.value {
            case _ where known.contains(member.name): members.append(member)
            case .string(let text) where !text.utf8.contains(0): members.append(member)
            case .number, .null: members.append(member)
            default: left.append(member.name)
            }
        }
        if !left.isEmpty {
            remarks.append("\(list(left)) stays behind, being neither a text nor a number")
        }
        do {
            var subject = try Subject(
                new: try SubjectChange(.object(members), Faults()), at: time("created", document, id, &remarks))
            if document["changed"] != nil { subject.changedAt = time("changed", document, id, &remarks) }
            return subject
        } catch {
            throw ImportRefusal(error.title)
        }
    }

    private static func link(
        _ document: JSONValue, _ id: String, at now: Int64, _ remarks: inout [String]
    ) throws -> Link {
        guard let sssid = document["sub"]?.string.flatMap({ SSSID(known: $0) }) else {
            throw ImportRefusal("its sub is no sssid")
        }
        guard let issuer = try text("iss", document), let audience = try text("aud", document) else {
            throw ImportRefusal("it has no iss or no aud")
        }
        var expiry: Int64?
        if let value = document["exp"], !value.isNull {
            guard let seconds = value.int64, (0...253_402_300_799).contains(seconds) else {
                throw ImportRefusal("its exp is no time in Unix seconds")
            }
            expiry = seconds
        }
        let linkedTo = try text("linked_to", document)
        let linkedSystem = try text("linked_system", document)
        guard linkedTo != nil || linkedSystem == nil else {
            throw ImportRefusal("it has a linked_system without a linked_to")
        }
        let created = time("created", document, id, &remarks)
        var record = LinkRecord(
            id: id, subject: 0, sssid: sssid.text, issuer: issuer, audience: audience,
            algorithm: try text("algorithm", document) ?? LinkToken.algorithm.rawValue, expiresAt: expiry,
            hasToken: false, createdAt: created, changedAt: created)
        if document["changed"] != nil { record.changedAt = time("changed", document, id, &remarks) }
        record.linkedTo = linkedTo
        record.linkedSystem = linkedSystem
        record.linkedOn = try date("linked_on", document)
        record.withdrawnOn = try date("withdrawn_on", document)
        let token = token(document, of: record, at: now, &remarks)
        leave(
            document,
            except: [
                "_id", "type", "sub", "iss", "aud", "secret", "algorithm", "created", "changed", "exp", "_jwt",
                "linked_to", "linked_system", "linked_on", "withdrawn_on",
            ], &remarks)
        return Link(sssid: sssid, record: record, token: token)
    }

    /// The token, when it is what its link says and nobody else could have made it: who knows the secret can make the same octets.
    private static func token(
        _ document: JSONValue, of link: LinkRecord, at now: Int64, _ remarks: inout [String]
    ) -> LinkToken? {
        guard let value = document["_jwt"], !value.isNull else { return nil }
        let isOpen = !link.isEstablished && !link.isOver(at: now)
        func leave(_ why: String) {
            if isOpen {
                remarks.append(
                    "the token that the participant may hold is void, since \(why); give them the one that this server makes "
                        + "(GET /link/{jti}/jwt)")
            }
        }
        guard let octets = value.octets, let text = String(validating: octets, as: UTF8.self),
            let token = LinkToken(reading: text), token.link == link.id,
            let secret = document["secret"]?.string.map({ Array($0.utf8) })
        else {
            leave("it is no token of this link")
            return nil
        }
        guard !WeakSecrets.isWeak(SecretBytes(secret)) else {
            leave("its secret is published or below 256 bits, so that others can make it too")
            return nil
        }
        guard let expiry = link.expiresAt, token.isMade(with: secret, expiry: expiry) else {
            leave("its signature or its exp is another than its link says")
            return nil
        }
        return token
    }

    private static func audit(_ document: JSONValue, _ remarks: inout [String]) throws -> Audit {
        guard let at = document["datetime"]?.time else { throw ImportRefusal("its datetime is no time of RFC 3339") }
        guard let object = document["document"]?.objectID else { throw ImportRefusal("its document is no _id") }
        guard let action = document["action"]?.string, !action.isEmpty, !action.utf8.contains(0) else {
            throw ImportRefusal("its action is no text")
        }
        var actor: String?
        if let value = document["actor_id"], !value.isNull {
            guard let id = value.objectID else { throw ImportRefusal("its actor_id is no _id") }
            actor = id
        }
        leave(document, except: ["_id", "type", "datetime", "document", "actor_id", "action"], &remarks)
        return Audit(action: action, at: at, object: object, actor: actor)
    }

    // MARK: Members

    /// Nil for none or null.
    private static func text(_ name: String, _ document: JSONValue) throws -> String? {
        guard let value = document[name], !value.isNull else { return nil }
        guard let text = value.string, LinkChange.isPlain(text) else {
            throw ImportRefusal(
                "its \(name) is no text of 1 to \(LinkChange.longest) characters without control characters")
        }
        return text
    }

    private static func date(_ name: String, _ document: JSONValue) throws -> StudyDate? {
        guard let value = document[name], !value.isNull else { return nil }
        guard let date = value.string.flatMap({ StudyDate($0) }) else {
            throw ImportRefusal("its \(name) is neither YYYY-MM-DD nor a time of RFC 3339, of the years 1900 to 2100")
        }
        return date
    }

    /// A time that the original wrote by itself; that of the `_id`, whose first four octets are Unix seconds, for none.
    private static func time(
        _ name: String, _ document: JSONValue, _ id: String, _ remarks: inout [String]
    ) -> Int64 {
        if let value = document[name], !value.isNull {
            if let time = value.time { return time }
            remarks.append("its \(name) is no time of RFC 3339; that of its _id stands for it")
        }
        return .seconds(Int64(id.prefix(8), radix: 16) ?? 0)
    }

    private static func leave(_ document: JSONValue, except known: Set<String>, _ remarks: inout [String]) {
        let unknown = (document.object ?? []).map(\.name).filter { !known.contains($0) }
        // The original has the times of users nowhere, but they would be known.
        let left = unknown.filter { !["created", "changed"].contains($0) }
        if !left.isEmpty { remarks.append("\(list(left)) stays behind, being unknown") }
    }

    /// Five names at most, as JSON writes them, so that none disturbs a terminal.
    private static func list(_ names: [String]) -> String {
        let shown = names.prefix(5).map { JSONValue.string(String($0.unicodeScalars.prefix(40))).text }
        return "the member " + shown.joined(separator: ", ")
            + (names.count > 5 ? " and \(names.count - 5) more" : "")
    }
}

extension LinkToken {
    /// Whether it is signed with HS256 and this secret, and expires when its link does.
    fileprivate func isMade(with secret: [UInt8], expiry: Int64) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map { Array($0) }
        guard parts.count == 3, let header = Base64URL.decode(parts[0]), let payload = Base64URL.decode(parts[1]),
            let code = Base64URL.decode(parts[2]), let said = try? JSONValue(parsing: header),
            said["alg"]?.string == Self.algorithm.rawValue, let claims = try? JSONValue(parsing: payload),
            claims["exp"]?.int64 == expiry
        else { return false }
        return HMACKey(.sha256, secret: secret).isValid(code, for: parts[0] + [UInt8(ascii: ".")] + parts[1])
    }
}
