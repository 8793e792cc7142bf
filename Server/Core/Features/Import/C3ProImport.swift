package import GatehouseCryptography
import GatehouseJSON
package import GatehouseStorage

/// Takes over what a C3-PRO IDM service knows, from an export of its one collection.
///
/// The file is read once to see what can come along, which is all that a dry run does, and then a document at a time from its
/// place: users first, then subjects, links and audits, whatever their order in the file. Each transaction takes a few and
/// notes them, so an import that was ended goes on where it was, and one that is repeated does nothing.
package struct C3ProImport: Sendable {
    static let format = ImportFormat.c3pro
    /// Documents in one transaction: others wait for it for some milliseconds.
    private static let batch = 200

    let source: ImportSource
    /// Nil for a dry run without a store.
    let database: (any Database)?
    let index: ImportIndex
    let clock: Clock
    /// Gets what does not come along, as it is found.
    let report: @Sendable (ImportFinding) throws -> Void
    let progress: @Sendable (ImportProgress) -> Void

    /// - Parameter scratch: an empty store that goes with the import.
    package init(
        of source: ImportSource, into database: (any Database)?, scratch: any Database, clock: Clock,
        report: @escaping @Sendable (ImportFinding) throws -> Void,
        progress: @escaping @Sendable (ImportProgress) -> Void
    ) async throws {
        self.source = source
        self.database = database
        self.clock = clock
        self.report = report
        self.progress = progress
        index = try await ImportIndex(in: scratch)
    }

    package typealias Outcome = ImportOutcome

    // MARK: Seeing

    /// Reads the file and reports what cannot come along. Changes nothing.
    package func plan() async throws -> Outcome {
        var outcome = Outcome(Self.format)
        var reader = DocumentReader(source)
        let now = clock.now()
        while true {
            var read: [Read] = []
            var octets = 0
            while read.count < 256, octets < DocumentReader.longest, let piece = try reader.next() {
                octets += piece.length
                read.append(Read(piece, at: now))
            }
            guard !read.isEmpty else { break }
            try await add(read, to: &outcome.counts)
            progress(.reading(reader.offset, of: source.size, documents: outcome.counts.documents))
        }
        outcome.digest = hexadecimal(try reader.finish())
        try await index.resolve()
        var counts = outcome.counts
        try await index.forEachOrphan { finding in
            if finding.weight == .refused {
                counts[finding.kind, .new] -= 1
                counts[finding.kind, .refused] += 1
            } else {
                counts.partly += 1
            }
            try report(finding)
        }
        outcome.counts = counts
        return outcome
    }

    /// A piece of the file, and what it says.
    private struct Read: Sendable {
        let piece: DocumentReader.Piece
        let kind: ImportKind
        let id: String?
        /// The `sssid` of a subject, whatever else is wrong with it.
        let sssid: SSSID?
        let digest: String
        let document: Result<C3ProDocument, ImportRefusal>

        init(_ piece: DocumentReader.Piece, at now: Int64) {
            self.piece = piece
            switch piece.content {
            case .broken(let reason):
                (kind, id, sssid, digest) = (.document, nil, nil, "")
                document = .failure(ImportRefusal(reason))
            case .octets(let octets):
                let json: JSONValue
                do { json = ExtendedJSON.normal(try JSONValue(parsing: octets)) } catch {
                    (kind, id, sssid, digest) = (.document, nil, nil, "")
                    document = .failure(ImportRefusal("\(error)"))
                    return
                }
                kind = C3ProDocument.kind(of: json)
                id = C3ProDocument.id(of: json)
                sssid = kind == .subject ? C3ProDocument.sssid(of: json) : nil
                digest = C3ProImport.digest(of: json)
                do { document = .success(try C3ProDocument(json, at: now)) } catch let refusal as ImportRefusal {
                    document = .failure(refusal)
                } catch {
                    document = .failure(ImportRefusal("\(error)"))
                }
            }
        }

        func finding(_ weight: ImportFinding.Weight, _ reason: String) -> ImportFinding {
            ImportFinding(line: piece.line, kind: kind, id: id, weight: weight, reason: reason)
        }

        func entry(_ state: ImportIndex.State) -> ImportIndex.Entry {
            var entry = ImportIndex.Entry(
                line: piece.line, offset: piece.offset, length: piece.length, kind: kind, id: id, digest: digest,
                key: sssid?.text, state: state)
            switch try? document.get().content {
            case .user(let user): entry.key = user.email.text
            case .link(let link): entry.reference = link.sssid.text
            case .audit(let audit): entry.reference = audit.object
            case .subject, nil: break
            }
            return entry
        }
    }

    private func add(_ read: [Read], to counts: inout ImportCounts) async throws {
        var standings = [Standing](repeating: Standing(), count: read.count)
        if let database {
            standings = try await database.read { sql in try read.map { try Standing(of: $0, in: sql) } }
        }
        var entries: [ImportIndex.Entry] = []
        var refusals: [String?] = []
        for (read, standing) in zip(read, standings) {
            var refusal = standing.refusal
            if case .failure(let failure) = read.document, standing.state != .there { refusal = failure.reason }
            var entry = read.entry(
                standing.state == .new && refusal != nil ? .refused : standing.state)
            entry.isReferenceKnown = standing.isReferenceKnown
            entry.account = standing.account
            entries.append(entry)
            refusals.append(refusal)
        }
        let later = try await index.add(entries)
        for number in read.indices {
            let (one, refusal) = (read[number], later[number] ?? refusals[number])
            if let refusal {
                counts[one.kind, .refused] += 1
                try report(one.finding(.refused, refusal))
            } else if entries[number].state == .there {
                counts[one.kind, .there] += 1
            } else {
                counts[one.kind, .new] += 1
                guard let remarks = try? one.document.get().remarks, !remarks.isEmpty else { continue }
                counts.partly += 1
                for remark in remarks { try report(one.finding(.partly, remark)) }
            }
        }
    }

    /// What the store says about a document.
    private struct Standing: Sendable {
        var state = ImportIndex.State.new
        var refusal: String?
        var isReferenceKnown = false
        var account: String?

        init() {}

        init(of read: Read, in sql: borrowing Transaction) throws {
            guard let id = read.id else { return }
            if let known = try ImportedDocument.find(id, from: C3ProImport.format, in: sql) {
                state = known.digest == read.digest ? .there : .changed
                if state == .changed {
                    refusal = "it has come along before and is another by now; what is here stays as it is"
                }
                return
            }
            switch try? read.document.get().content {
            case .user(let user):
                account = try Accounts.id(of: .email(user.email), in: sql)
                if account != nil { refusal = "there is an account of this name; it stays as it is" }
            case .subject(let subject):
                if try StoredSubject.number(of: subject.sssid, in: sql) != nil {
                    refusal = "there is a subject with this sssid; it stays as it is"
                }
            case .link(let link):
                isReferenceKnown = try StoredSubject.number(of: link.sssid, in: sql) != nil
                if try LinkRecord.find(link.record.id, in: sql) != nil { refusal = "there is a link with this _id" }
            case .audit(let audit):
                isReferenceKnown = try ImportedDocument.find(audit.object, from: C3ProImport.format, in: sql) != nil
            case nil: break
            }
        }
    }

    // MARK: Doing

    /// Brings along what the plan says, with one event for all of it in the audit log.
    ///
    /// - Returns: what it did: less than the plan says when somebody has changed the store since.
    /// - Throws: `ImportError.changed` when the file is another than the one that was planned with.
    package func carryOut(_ plan: Outcome, masterKey: SealingKey, by actor: Actor) async throws -> Outcome {
        guard let database else { return plan }
        var outcome = plan
        let all = plan.counts.total(.new)
        var (done, hasEvent) = (0, false)
        let object = AuditObject("import", plan.digest)
        for kind in [ImportKind.user, .subject, .link, .audit] {
            var last: Int64 = 0
            while true {
                let places = try await index.next(kind, after: last, count: Self.batch)
                guard let end = places.last else { break }
                last = end.number
                let documents = try places.map { place in try Planned(place, kind, from: source, at: clock.now()) }
                var accounts: [String: String] = [:]
                for case .audit(let audit) in documents.map(\.document.content) {
                    guard let user = audit.actor, accounts[user] == nil else { continue }
                    accounts[user] = try await index.account(ofUser: user)
                }
                let (needsEvent, now, users) = (!hasEvent, clock.now(), accounts)
                let refusals = try await database.transaction { sql -> [String?] in
                    if needsEvent {
                        // With the first of them, so that nothing comes along without it.
                        try AuditLog.record(
                            "import \(Self.format.rawValue): \(plan.counts.text(.new)); SHA-256 of the file "
                                + plan.digest,
                            on: object, by: actor, at: now, in: sql)
                    }
                    return try documents.map { try $0.bringAlong(masterKey, users: users, at: now, in: sql) }
                }
                hasEvent = true
                for (planned, refusal) in zip(documents, refusals) {
                    guard let refusal else { continue }
                    outcome.counts[kind, .new] -= 1
                    outcome.counts[kind, .refused] += 1
                    try report(planned.finding(refusal))
                }
                done += documents.count
                progress(.bringing(done, of: all))
            }
        }
        let missing = all - outcome.counts.total(.new)
        if hasEvent, missing > 0 {
            let now = clock.now()
            _ = try await database.transaction { sql in
                try AuditLog.record(
                    "import \(Self.format.rawValue): \(missing) of these did not come along", on: object, by: actor,
                    at: now, in: sql)
            }
        }
        return outcome
    }

    /// A document that comes along.
    private struct Planned: Sendable {
        let place: ImportIndex.Place
        let kind: ImportKind
        let document: C3ProDocument
        let digest: String

        init(_ place: ImportIndex.Place, _ kind: ImportKind, from source: ImportSource, at now: Int64) throws {
            let octets = try source.read(at: place.offset, count: place.length)
            guard let parsed = try? JSONValue(parsing: octets), case let json = ExtendedJSON.normal(parsed),
                let document = try? C3ProDocument(json, at: now), C3ProDocument.kind(of: json) == kind,
                case let digest = C3ProImport.digest(of: json), digest == place.digest
            else { throw ImportError.changed(line: place.line) }
            self.place = place
            self.kind = kind
            self.document = document
            self.digest = digest
        }

        func finding(_ reason: String) -> ImportFinding {
            ImportFinding(line: place.line, kind: kind, id: document.id, weight: .refused, reason: reason)
        }

        /// - Parameter users: accounts that had the name of a user before, by the `_id` of the user.
        /// - Returns: why it does not come along after all.
        func bringAlong(
            _ masterKey: SealingKey, users: [String: String], at now: Int64, in sql: borrowing Transaction
        ) throws -> String? {
            let known = try ImportedDocument.find(document.id, from: C3ProImport.format, in: sql)
            guard known == nil else { return "another import brought it along at the same time" }
            let object: (kind: String, id: String)
            switch document.content {
            case .user(let user):
                guard try Accounts.id(of: .email(user.email), in: sql) == nil else {
                    return "an account of this name was made meanwhile"
                }
                let id = SystemRandom.identifier()
                try Accounts.place(
                    id, email: user.email, alias: nil, passwordHash: user.passwordHash,
                    roles: user.isAdmin ? [.staff, .admin] : [.staff], createdAt: user.createdAt, at: now, in: sql)
                object = (AuditObject.account(id).kind, id)
            case .subject(let subject):
                guard try StoredSubject.number(of: subject.sssid, in: sql) == nil else {
                    return "a subject with this sssid was made meanwhile"
                }
                let number = try subject.insert(action: nil, by: .server, at: now, in: sql)
                object = (StoredSubject.kind, String(number))
            case .link(let link):
                guard let number = try StoredSubject.number(of: link.sssid, in: sql) else {
                    return "its subject did not come along after all"
                }
                try bring(link, ofSubject: number, masterKey, in: sql)
                object = (LinkRecord.kind, link.record.id)
            case .audit(let audit): object = ("audit", try bring(audit, users, in: sql))
            }
            try ImportedDocument(kind: object.kind, object: object.id, digest: digest)
                .insert(document.id, from: C3ProImport.format, in: sql)
            return nil
        }

        private func bring(
            _ link: C3ProDocument.Link, ofSubject number: Int64, _ masterKey: SealingKey, in sql: borrowing Transaction
        ) throws {
            var record = link.record
            record.subject = number
            try record.insert(in: sql)
            if let token = link.token { try Links.keep(token, masterKey, in: sql) }
            if link.record.linkedOn != nil || link.record.withdrawnOn != nil {
                try StoredSubject.takeDates(fromLinksOf: number, in: sql)
            }
        }

        private func bring(
            _ audit: C3ProDocument.Audit, _ users: [String: String], in sql: borrowing Transaction
        ) throws -> String {
            let about = try ImportedDocument.find(audit.object, from: C3ProImport.format, in: sql)
            var object = AuditObject("document", audit.object)
            switch about?.kind {
            case StoredSubject.kind:
                let number = Int64(about?.object ?? "") ?? 0
                let stored = try StoredSubject.require(number: number, in: sql)
                object = stored.auditObject
            case LinkRecord.kind:
                object = try LinkRecord.require(about?.object ?? "", in: sql).auditObject
            case let kind?: object = AuditObject(kind, about?.object ?? "")
            case nil: break
            }
            var actor = Actor.anonymous
            if let user = audit.actor {
                let known = try ImportedDocument.find(user, from: C3ProImport.format, in: sql)?.object ?? users[user]
                let login = try known.flatMap { account in
                    try sql("SELECT email FROM accounts WHERE id = \(account)").first?.optionalText("email") ?? nil
                }
                actor = .formerUser(id: known ?? user, login: login)
            }
            return try AuditLog.record(audit.action, on: object, by: actor, at: audit.at, in: sql)
        }
    }

    fileprivate static func digest(of document: JSONValue) -> String {
        Base64URL.encode(Array(Digest.sha256(document.bytes()).prefix(16)))
    }
}

package enum ImportError: Error, CustomStringConvertible {
    case changed(line: Int)
    /// Another file than the format says, and why.
    case foreign(String)
    /// A domain that was chosen for none of the file, or in no form that one has.
    case unknownDomain(String)
    /// A file of rows was written to, or another import of it is at work.
    case changedRows
    case another

    package var description: String {
        switch self {
        case .changed(let line):
            "The file was changed while it was read (line \(line)). What came along until then stays; start again with a file "
                + "that nobody writes to."
        case .foreign(let reason): reason
        case .unknownDomain(let name): "The file has no domain \(name) that --domain could rename."
        case .changedRows:
            "The file was changed while it was read. What came along until then stays; start again with a file that nobody "
                + "writes to."
        case .another: "Another import of this file is at work; what it brings along stays."
        }
    }
}

/// In lower case.
func hexadecimal(_ octets: [UInt8]) -> String {
    octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// A document that has come along.
struct ImportedDocument: Sendable {
    let kind: String
    let object: String
    let digest: String

    static func find(
        _ id: String, from format: ImportFormat, in sql: borrowing Transaction
    ) throws -> ImportedDocument? {
        try sql(
            """
            SELECT kind, object, digest FROM imported_documents
            WHERE source = \(format.rawValue) AND document = \(id)
            """
        ).first.map { row throws in
            ImportedDocument(
                kind: try row.text("kind"), object: try row.text("object"), digest: try row.text("digest"))
        }
    }

    func insert(_ id: String, from format: ImportFormat, in sql: borrowing Transaction) throws {
        try sql(
            """
            INSERT INTO imported_documents (source, document, kind, object, digest)
            VALUES (\(format.rawValue), \(id), \(kind), \(object), \(digest))
            """)
    }
}
