import GatehouseStorage

/// How it stands with the record in DNS by which a hosted domain is its owner's.
struct HostedRecord: Sendable {
    let domain: String
    /// The account; nil when that is gone.
    let owner: String?
    /// Nil for a domain that an operator added.
    let record: String?
    let checkedAt: Int64?
    /// Since when each check found it gone, in microseconds since 1970, and how many did.
    let missingSince: Int64?
    let missingChecks: Int64
    let ownerToldAt: Int64?

    private static let columns: Query = """
        name, owner_id, verified_record, checked_at, record_missing_since, record_missing_checks, owner_told_at
        """

    static func find(_ domain: String, in sql: borrowing Transaction) throws -> HostedRecord? {
        try sql("SELECT \(columns) FROM domains WHERE name = \(domain)").first.map { row throws in try HostedRecord(row)
        }
    }

    static func all(ownedBy account: String, in sql: borrowing Transaction) throws -> [HostedRecord] {
        try sql("SELECT \(columns) FROM domains WHERE owner_id = \(account)").map { row throws in try HostedRecord(row)
        }
    }

    /// Those that have not been checked for so long, the longest first.
    static func due(before time: Int64, at now: Int64, limit: Int, in sql: borrowing Transaction) throws
        -> [HostedRecord]
    {
        // One that was checked tomorrow was so by a clock that stood wrong.
        try sql(
            """
            SELECT \(columns) FROM domains WHERE verified_record IS NOT NULL
                AND (checked_at IS NULL OR checked_at <= \(time) OR checked_at > \(now + Int64.days(1)))
            ORDER BY checked_at LIMIT \(limit)
            """
        ).map { row throws in try HostedRecord(row) }
    }

    private init(_ row: Row) throws {
        domain = try row.text("name")
        owner = try row.optionalText("owner_id")
        record = try row.optionalText("verified_record")
        checkedAt = try row.optionalInteger("checked_at")
        missingSince = try row.optionalInteger("record_missing_since")
        missingChecks = try row.integer("record_missing_checks")
        ownerToldAt = try row.optionalInteger("owner_told_at")
    }

    var state: DomainState { DomainState(hasRecord: record != nil, isMissing: missingSince != nil) }

    /// When somebody else may take the domain over, unless its record comes back; nil while that cannot be said.
    var mayBeTakenAt: Int64? {
        guard let missingSince, let ownerToldAt else { return nil }
        return max(missingSince, ownerToldAt) + DomainProxy.patience
    }

    func mayBeTaken(at now: Int64) -> Bool {
        mayBeTakenAt.map { $0 <= now } ?? false && missingChecks >= DomainProxy.patientChecks
    }

    /// Writes down what a check found.
    ///
    /// - Parameter record: nothing is written when it is another by now.
    /// - Returns: whether the record is missing since now.
    @discardableResult
    static func note(
        _ finding: DomainFinding, of domain: String, _ record: String, at now: Int64, _ outbox: Outbox,
        in sql: borrowing Transaction
    ) throws -> Bool {
        guard let hosted = try find(domain, in: sql), hosted.record == record else { return false }
        let object = AuditObject("domain", domain)
        if finding.has(record) {
            try sql(
                """
                UPDATE domains SET record_missing_since = NULL, record_missing_checks = 0, owner_told_at = NULL
                WHERE name = \(domain)
                """)
            if hosted.missingSince != nil {
                try AuditLog.record("record is back in DNS", on: object, by: .server, at: now, in: sql)
            }
            return false
        }
        guard finding.isCertain else { return false }
        try sql(
            """
            UPDATE domains SET record_missing_since = COALESCE(record_missing_since, \(now)),
                record_missing_checks = record_missing_checks + 1
            WHERE name = \(domain)
            """)
        if hosted.missingSince == nil {
            try AuditLog.record("record is missing in DNS", on: object, by: .server, at: now, in: sql)
        }
        if hosted.ownerToldAt == nil, try hosted.tellOwner(record, at: now, outbox, in: sql) {
            try sql("UPDATE domains SET owner_told_at = \(now) WHERE name = \(domain)")
        }
        return hosted.missingSince == nil
    }

    /// - Returns: false when there is no way to, for now.
    private func tellOwner(
        _ record: String, at now: Int64, _ outbox: Outbox, in sql: borrowing Transaction
    ) throws -> Bool {
        // Without an owner there is nobody to tell.
        guard let owner else { return true }
        let row = try sql("SELECT email FROM accounts WHERE id = \(owner)").first
        guard outbox.isOn, let email = try row?.optionalText("email") else { return false }
        let values = ["domain": domain, "record": record, "days": "\(DomainProxy.patience / Int64.days(1))"]
        try outbox.enqueue(
            OutgoingMail(to: email, template: .domainRecordMissing, values: values), at: now, in: sql)
        return true
    }
}
