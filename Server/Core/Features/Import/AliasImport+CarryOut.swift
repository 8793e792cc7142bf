import GatehouseOpenCAP
import GatehouseStorage

extension AliasImport {
    /// Users in one transaction: others wait for it for a tenth of a second.
    private static let batch = 4000

    /// Brings along what the plan says, with one event for all of it and one for each domain in the audit log.
    ///
    /// - Returns: what it did: less than the plan says when somebody has changed the store since.
    /// - Throws: `ImportError.changedRows` when a row is another than the one that was planned with.
    package func carryOut(_ plan: Plan, by actor: Actor) async throws -> ImportOutcome {
        guard let database else { return plan.outcome }
        var work = Work(plan: plan, source: plan.source, outcome: plan.outcome)
        try await begin(&work, in: database, by: actor)
        try await noteRefusals(work, in: database)
        try await bringLate(&work, in: database)
        for part in [0, 1] { try await bring(part: part, &work, in: database) }
        let now = clock.now()
        let missing = plan.outcome.counts.total(.new) - work.outcome.counts.total(.new)
        if missing > 0 {
            let object = AuditObject("import", plan.outcome.digest)
            try await database.transaction { [format] sql in
                try AuditLog.record(
                    "import \(format.rawValue): \(missing) of these did not come along", on: object, by: actor, at: now,
                    in: sql)
            }
        }
        return work.outcome
    }

    private struct Work {
        let plan: Plan
        var source: ImportedSource
        var outcome: ImportOutcome
        var done = 0
    }

    /// The event, the domains, and the file itself: with the first of them, so that nothing comes along without an event.
    private func begin(_ work: inout Work, in database: any Database, by actor: Actor) async throws {
        let (plan, source, now) = (work.plan, work.source, clock.now())
        try await database.transaction { [format] sql in
            try AuditLog.record(
                "import \(format.rawValue): \(plan.outcome.counts.text(.new)); SHA-256 of the file "
                    + plan.outcome.digest,
                on: AuditObject("import", plan.outcome.digest), by: actor, at: now, in: sql)
            if !source.isKnown {
                do {
                    try source.insert(format, addressesUntil: plan.lastAddress, plan.anchors, in: sql)
                } catch let error as StorageError where error.isUniqueViolation {
                    throw ImportError.another
                }
            }
            for domain in plan.outcome.domains where domain.refusal == nil {
                guard let name = domain.domain else { continue }
                if try ImportedSource.domain(domain.name, of: source.id, in: sql) == nil {
                    try Self.make(domain, name, by: actor, at: now, in: sql)
                    try sql(
                        """
                        INSERT INTO imported_domains (source, name, domain) VALUES (\(source.id), \(domain.name), \(name.text))
                        """)
                }
            }
            try sql.authorizationsChanged()
        }
        if !source.isKnown { work.source.addressesUntil = plan.lastAddress }
        work.done += plan.outcome.counts[.domain, .new]
    }

    private static func make(
        _ domain: ImportedDomain, _ name: DomainName, by actor: Actor, at now: Int64, in sql: borrowing Transaction
    ) throws {
        let isNew = try !Domains.isHosted(name.text, in: sql)
        if isNew {
            try sql(
                """
                INSERT INTO domains (name, secret_hash, created_at) VALUES (\(name.text), \(domain.secretHash), \(now))
                """)
        }
        var hosts: [String] = []
        for host in (isNew ? [name] : []) + domain.hosts {
            let made = try sql.changes(
                """
                INSERT INTO domain_hosts (host, domain) VALUES (\(host.text), \(name.text)) ON CONFLICT (host) DO NOTHING
                """)
            if made > 0 { hosts.append(host.text) }
        }
        guard isNew || !hosts.isEmpty else { return }
        try AuditLog.record(
            "\(isNew ? "create" : "hosts"): \(hosts.joined(separator: ", "))", on: AuditObject("domain", name.text),
            by: actor, at: now, in: sql)
    }

    /// What did not come along is noted before anything moves the marks past it.
    private func noteRefusals(_ work: Work, in database: any Database) async throws {
        let source = work.source.id
        for kind in [ImportKind.user, .address] {
            var last = Int64.min
            while true {
                let rows = try await index.refused(kind, after: last, count: 5000)
                guard let end = rows.last else { break }
                last = end
                try await database.transaction { sql in
                    for row in rows { try Self.refuse(row, kind, of: source, in: sql) }
                }
            }
        }
    }

    private static func refuse(
        _ row: Int64, _ kind: ImportKind, of source: String, in sql: borrowing Transaction
    ) throws {
        try sql(
            """
            INSERT INTO imported_refusals (source, kind, number) VALUES (\(source), \(kind.rawValue), \(row))
            ON CONFLICT DO NOTHING
            """)
    }

    // MARK: Users, in the order of their names

    private func bring(part: Int, _ work: inout Work, in database: any Database) async throws {
        let users = try await index.count(part: part)
        var name = ""
        if part == 0 {
            guard work.source.round != nil else { return }
            name = work.source.round?.name ?? ""
        } else {
            try await move(&work, in: database) { [last = work.plan.lastUser] in $0.round = (last, "") }
        }
        let all = work.plan.outcome.counts.total(.new)
        // Users so far, of which their identifiers are made.
        var placed = 0
        var records = try await records(part: part, after: name, work.plan)
        while let end = records.last {
            let (name, plan) = (end.alias.text, work.plan)
            // Read while these are written.
            async let following = self.records(part: part, after: name, plan)
            let (before, now) = (work.source, clock.now())
            work.source.round?.name = name
            let (after, first, coming) = (work.source, placed, records)
            let refusals = try await database.transaction { sql -> [String?] in
                try after.advance(from: before, in: sql)
                var hosted: [String: Bool] = [:]
                return try coming.enumerated().map { index, record in
                    let domain = record.alias.domain
                    let isHosted = try hosted[domain] ?? Domains.isHosted(domain, in: sql)
                    hosted[domain] = isHosted
                    let id = after.account(ofUser: record.row, at: Double(first + index) / Double(max(users, 1)))
                    guard try isHosted && record.insert(id, at: now, in: sql) else {
                        // Or the next import would take it for one that came along.
                        try Self.refuse(record.row, .user, of: after.id, in: sql)
                        return isHosted
                            ? "an account of this name was made meanwhile" : "its domain was removed meanwhile"
                    }
                    // It may be one that was refused the last time.
                    if after.isKnown {
                        try sql(
                            """
                            DELETE FROM imported_refusals
                            WHERE source = \(after.id) AND kind = 'user' AND number = \(record.row)
                            """)
                    }
                    return nil
                }
            }
            placed += records.count
            for (record, refusal) in zip(records, refusals) {
                work.done += 1 + record.addresses.count
                guard let refusal else { continue }
                work.outcome.counts[.user, .new] -= 1
                work.outcome.counts[.user, .refused] += 1
                work.outcome.counts[.address, .new] -= record.addresses.count
                work.outcome.counts[.address, .refused] += record.addresses.count
                try report(
                    ImportFinding(
                        .row(record.row, table: file.program.table(of: .user)), .user, .refused, refusal))
            }
            progress(.bringing(work.done, of: all))
            records = try await following
        }
        let anchors = work.plan.anchors
        try await move(&work, in: database) { source in
            if let round = source.round { source.usersUntil = max(source.usersUntil, round.users) }
            source.round = nil
        }
        let source = work.source
        try await database.transaction { sql in try source.keep(anchors, in: sql) }
    }

    /// Reads the next ones again, as they were seen.
    private func records(part: Int, after name: String, _ plan: Plan) async throws -> [AliasRecord] {
        let entries = try await index.next(part: part, after: name, count: Self.batch)
        let numbers = entries.map(\.row)
        let users = try file.users(numbers)
        let addresses = try file.addresses(ofUsers: numbers)
        return try entries.map { entry in
            var remarks: AliasRecord.Remarks = []
            guard let user = users[entry.row], let domain = plan.domains[user.domain], let name = domain.domain,
                let record = try? AliasRecord(
                    user, addresses[entry.row] ?? [], domain: name, named: domain.name, of: file.program,
                    remarks: &remarks),
                record.alias.text == entry.name
            else { throw ImportError.changedRows }
            return record
        }
    }

    private func move(
        _ work: inout Work, in database: any Database, _ change: (inout ImportedSource) -> Void
    ) async throws {
        let before = work.source
        change(&work.source)
        let after = work.source
        try await database.transaction { sql in try after.advance(from: before, in: sql) }
    }

    // MARK: Addresses that were added to the file

    /// Before all else, as those who came along in this import bring all of theirs.
    private func bringLate(_ work: inout Work, in database: any Database) async throws {
        var last = Int64.min
        while true {
            let late = try await index.late(after: last, count: Self.batch)
            guard let end = late.last else { break }
            last = end.row
            let users = try file.users(late.map(\.user))
            let addresses = try file.addresses(ofUsers: Array(users.keys))
            var found: [(row: Int64, alias: Alias, user: Int64, address: AliasRecord.Address)] = []
            for late in late {
                var remarks: AliasRecord.Remarks = []
                guard let user = users[late.user], let domain = work.plan.domains[user.domain],
                    let name = domain.domain,
                    let record = try? AliasRecord(
                        user, addresses[late.user] ?? [], domain: name, named: domain.name, of: file.program,
                        remarks: &remarks),
                    let address = record.addresses.first(where: { $0.row == late.row })
                else { throw ImportError.changedRows }
                found.append((late.row, record.alias, late.user, address))
            }
            let (source, now, coming) = (work.source, clock.now(), found)
            let refusals = try await database.transaction { sql -> [String?] in
                try coming.map { row, alias, user, address in
                    guard let id = try Accounts.id(of: .alias(alias), in: sql), source.isAccount(id, ofUser: user)
                    else {
                        return "the account of its user is not here any more"
                    }
                    guard try address.insert(for: alias, id, at: now, in: sql) else {
                        return "its user has set another address here"
                    }
                    if case .type = address.kind {
                        try sql("UPDATE accounts SET addresses_version = addresses_version + 1 WHERE id = \(id)")
                        try Addresses.noteVersion(alias.username, alias.domain, in: sql)
                    }
                    try sql(
                        """
                        DELETE FROM imported_refusals
                        WHERE source = \(source.id) AND kind = 'address' AND number = \(row)
                        """)
                    return nil
                }
            }
            for (late, refusal) in zip(found, refusals) {
                work.done += 1
                guard let refusal else { continue }
                work.outcome.counts[.address, .new] -= 1
                work.outcome.counts[.address, .refused] += 1
                try report(
                    ImportFinding(
                        .row(late.row, table: file.program.table(of: .address)), .address, .refused, refusal))
            }
        }
        let until = work.plan.lastAddress
        guard until > work.source.addressesUntil else { return }
        try await move(&work, in: database) { $0.addressesUntil = until }
    }
}

extension AliasRecord {
    /// - Returns: whether there was no account of this name.
    fileprivate func insert(_ id: String, at now: Int64, in sql: borrowing Transaction) throws -> Bool {
        let made = try sql.changes(
            """
            INSERT INTO accounts (id, username, domain, password_hash, created_at, password_changed_at)
            VALUES (\(id), \(alias.username), \(alias.domain), \(passwordHash), \(createdAt ?? now), \(now))
            ON CONFLICT (username, domain) DO NOTHING
            """)
        guard made > 0 else { return false }
        for address in addresses { _ = try address.insert(for: alias, id, at: now, in: sql) }
        return true
    }
}

extension AliasRecord.Address {
    /// - Parameter account: the alias's.
    /// - Returns: whether there was none of the kind.
    fileprivate func insert(for alias: Alias, _ account: String, at now: Int64, in sql: borrowing Transaction) throws
        -> Bool
    {
        switch kind {
        case .type(let type):
            try sql.changes(
                """
                INSERT INTO addresses
                    (username, domain, address_type, address, extensions, written_at, account_id, version)
                VALUES (\(alias.username), \(alias.domain), \(type.rawValue), \(address), '{}', \(now), \(account), 0)
                ON CONFLICT (username, domain, address_type) DO NOTHING
                """) > 0
        case .coin(let coin):
            try sql.changes(
                """
                INSERT INTO coins (account_id, coin, address, written_at) VALUES (\(account), \(coin), \(address), \(now))
                ON CONFLICT (account_id, coin) DO NOTHING
                """) > 0
        }
    }
}
