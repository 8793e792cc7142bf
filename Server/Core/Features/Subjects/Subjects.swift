import GatehouseJSON
import GatehouseMessages
import GatehouseStorage

/// The subjects of a study: made, read and changed.
struct Subjects: Sendable {
    let database: any Database
    let clock: Clock
    let faults: Faults

    /// - Throws: as `SubjectChange` and `Subject`; `Problem.subjectTaken`.
    func create(_ body: JSONValue, by actor: Actor) async throws -> Subject {
        let now = clock.now()
        let subject = try Subject(new: try SubjectChange(body, faults), at: now)
        do {
            try await database.transaction { sql in
                try subject.insert(by: actor, at: now, in: sql)
            }
        } catch let error as StorageError where error.isUniqueViolation {
            guard faults.takesDuplicates else { throw Problem.subjectTaken }
        }
        return subject
    }

    /// - Throws: `Problem.notFound`.
    func require(_ sssid: String) async throws -> Subject {
        try await database.read { sql in try StoredSubject.require(sssid, in: sql).subject }
    }

    /// Changes what is sent. A change that changes nothing leaves no trace.
    ///
    /// - Throws: `Problem.notFound`; `.sssidFixed` when the body is about another; as `SubjectChange` and `Subject.merge`.
    func change(_ sssid: String, _ body: JSONValue, by actor: Actor) async throws {
        let change = try SubjectChange(body, faults)
        let now = clock.now()
        try await database.transaction { sql in
            var stored = try StoredSubject.require(sssid, in: sql)
            guard change.sssid == stored.subject.sssid else { throw Problem.sssidFixed }
            let old = stored.subject
            let what = try stored.subject.merge(change)
            guard !what.isEmpty else { return }
            stored.subject.changedAt = now
            try stored.update(from: old, in: sql)
            try AuditLog.record(
                what.joined(separator: "; "), on: stored.auditObject, by: actor, at: now, in: sql)
        }
    }

    /// What happened to the subject and its links, oldest first.
    ///
    /// - Throws: `Problem.notFound`.
    func audits(of sssid: String) async throws -> [SubjectAudit] {
        try await database.read { sql in
            let stored = try StoredSubject.require(sssid, in: sql)
            return try SubjectAudit.all(of: stored.number, in: sql, faults)
        }
    }
}

/// One event about a subject, as its audits show it.
struct SubjectAudit: Sendable {
    /// With `[Link] ` before events of a link.
    let action: String
    let actor: String?
    let at: Int64

    var json: JSONValue {
        var members: [JSONValue.Member] = [.init(name: "action", value: .string(action))]
        if let actor { members.append(.init(name: "actor", value: .string(actor))) }
        members.append(.init(name: "datetime", value: .string(RFC3339.text(at))))
        return .object(members)
    }

    static func all(of number: Int64, in sql: borrowing Transaction, _ faults: Faults) throws -> [SubjectAudit] {
        try sql(
            """
            SELECT action, actor, object_kind, at FROM audit_events WHERE subject = \(number)
            ORDER BY at, number LIMIT \(faults.cutsLists ? 50 : Int64.max)
            """
        ).map { row in
            let prefix = try row.text("object_kind") == LinkRecord.kind ? "[Link] " : ""
            return SubjectAudit(
                action: prefix + (try row.text("action")), actor: try row.optionalText("actor"),
                at: try row.integer("at"))
        }
    }
}

// MARK: - In the store

/// A subject with its place in the order of creation.
struct StoredSubject: Sendable {
    let number: Int64
    var subject: Subject

    static let kind = "subject"
    var auditObject: AuditObject { AuditObject(Self.kind, subject.sssid.text, subject: number) }

    /// The columns that `init(_:)` reads.
    static let columns: Query = """
        number, sssid, name, bday, date_invited, date_consented, date_enrolled, date_withdrawn, is_enrolled_derived,
        is_withdrawn_derived, members, created_at, changed_at
        """

    init(_ row: Row) throws {
        number = try row.integer("number")
        guard let sssid = SSSID(known: try row.text("sssid")), let bday = StudyDate(try row.text("bday")) else {
            throw StorageError(.wrongType, message: "a subject of the store cannot be read")
        }
        subject = Subject(
            sssid: sssid, name: try row.text("name"), bday: bday, createdAt: try row.integer("created_at"),
            changedAt: try row.integer("changed_at"))
        for step in StudyStep.allCases {
            guard let date = try row.optionalText(step.member).flatMap({ StudyDate($0) }) else { continue }
            let isDerived =
                switch step {
                case .enrolled: try row.integer("is_enrolled_derived") == 1
                case .withdrawn: try row.integer("is_withdrawn_derived") == 1
                case .invited, .consented: false
                }
            if isDerived { subject.derived[step] = date } else { subject.dates[step] = date }
        }
        subject.members = try JSONValue(parsing: Array(try row.text("members").utf8)).object ?? []
    }

    /// Nil when there is none.
    static func number(of sssid: SSSID, in sql: borrowing Transaction) throws -> Int64? {
        try sql("SELECT number FROM subjects WHERE sssid = \(sssid.text)").first?.integer("number")
    }

    /// - Throws: `Problem.notFound`.
    static func require(_ sssid: String, in sql: borrowing Transaction) throws -> StoredSubject {
        guard let id = SSSID(known: sssid),
            let row = try sql("SELECT \(columns) FROM subjects WHERE sssid = \(id.text)").first
        else { throw Problem.notFound }
        return try StoredSubject(row)
    }

    static func require(number: Int64, in sql: borrowing Transaction) throws -> StoredSubject {
        guard let row = try sql("SELECT \(columns) FROM subjects WHERE number = \(number)").first else {
            throw Problem.notFound
        }
        return try StoredSubject(row)
    }

    /// Writes the subject as it is now.
    ///
    /// - Parameter old: as the store has it, which the search index has to be told.
    func update(from old: Subject, in sql: borrowing Transaction) throws {
        let row = SubjectRow(subject)
        try sql(
            """
            UPDATE subjects SET name = \(subject.name), bday = \(subject.bday.text),
                date_invited = \(subject.date(.invited)?.text), date_consented = \(subject.date(.consented)?.text),
                date_enrolled = \(subject.date(.enrolled)?.text), date_withdrawn = \(subject.date(.withdrawn)?.text),
                is_enrolled_derived = \(row.isEnrolledDerived), is_withdrawn_derived = \(row.isWithdrawnDerived),
                members = \(row.members), changed_at = \(subject.changedAt), name_key = \(row.nameKey),
                bday_at = \(subject.bday.instant), invited_at = \(subject.date(.invited)?.instant),
                consented_at = \(subject.date(.consented)?.instant), enrolled_at = \(subject.date(.enrolled)?.instant),
                withdrawn_at = \(subject.date(.withdrawn)?.instant), status = \(subject.status)
            WHERE number = \(number)
            """)
        try SubjectSearch.change(
            number, from: SubjectRow(old).searchText, to: row.searchText, in: sql)
    }
}

extension Subject {
    /// Writes a new one, with its event.
    ///
    /// - Parameter action: what the audit log says; nil for nothing, when one event stands for many subjects.
    /// - Throws: `StorageError` of a unique violation for a taken `sssid`.
    @discardableResult
    func insert(
        action: String? = "create", by actor: Actor, at now: Int64, in sql: borrowing Transaction
    ) throws -> Int64 {
        let row = SubjectRow(self)
        let made = try sql(
            """
            INSERT INTO subjects (sssid, name, bday, date_invited, date_consented, date_enrolled, date_withdrawn,
                is_enrolled_derived, is_withdrawn_derived, members, created_at, changed_at, sssid_key, name_key, bday_at,
                invited_at, consented_at, enrolled_at, withdrawn_at, status)
            VALUES (\(sssid.text), \(name), \(bday.text), \(date(.invited)?.text), \(date(.consented)?.text),
                \(date(.enrolled)?.text), \(date(.withdrawn)?.text), \(row.isEnrolledDerived),
                \(row.isWithdrawnDerived), \(row.members), \(createdAt), \(changedAt), \(row.sssidKey), \(row.nameKey),
                \(bday.instant), \(date(.invited)?.instant), \(date(.consented)?.instant), \(date(.enrolled)?.instant),
                \(date(.withdrawn)?.instant), \(status))
            RETURNING number
            """)
        let number = try made[0].integer("number")
        try SubjectSearch.add(number, row.searchText, in: sql)
        if let action {
            try AuditLog.record(
                action, on: AuditObject(StoredSubject.kind, sssid.text, subject: number), by: actor, at: now, in: sql)
        }
        return number
    }
}

/// What the store keeps of a subject besides what was sent.
struct SubjectRow {
    let members: String
    let sssidKey: String
    let nameKey: String
    let searchText: String
    let isEnrolledDerived: Bool
    let isWithdrawnDerived: Bool

    init(_ subject: Subject) {
        members = JSONValue.object(subject.members).text
        sssidKey = CanonicalText.of(subject.sssid.text)
        nameKey = CanonicalText.of(subject.name)
        searchText = SubjectSearch.text(sssidKey: sssidKey, nameKey: nameKey, bday: subject.bday.text)
        isEnrolledDerived = subject.dates[.enrolled] == nil && subject.derived[.enrolled] != nil
        isWithdrawnDerived = subject.dates[.withdrawn] == nil && subject.derived[.withdrawn] != nil
    }
}
