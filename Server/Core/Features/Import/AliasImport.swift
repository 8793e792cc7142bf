import GatehouseCryptography
package import GatehouseOpenCAP
import GatehousePasswords
package import GatehouseStorage

/// Takes over the domains, users and addresses of a server of aliases from its SQLite file.
///
/// The file is read once, in the order of its rows, to see what can come along, which is all that a dry run does. Then the users come
/// along in the order of their names, some thousands in a transaction that also notes how far it is: an import that was ended goes on
/// there, and one that is repeated does nothing.
package struct AliasImport: Sendable {
    /// Users in one transaction: others wait for it for a tenth of a second.
    private static let batch = 4000
    /// Kinds of foreign hashes in a store. Whoever mistypes a password waits for the work of one of each.
    private static let mostKinds = 8
    private static let mostWork: UInt64 = 1 << 22

    let format: ImportFormat
    let file: AliasFile
    /// Nil for a dry run without a store.
    let database: (any Database)?
    let index: AliasIndex
    let chosen: [String: DomainName]
    let clock: Clock
    let report: @Sendable (ImportFinding) throws -> Void
    let progress: @Sendable (ImportProgress) -> Void

    /// - Parameters:
    ///   - chosen: what a domain of the file becomes, by its name there.
    ///   - scratch: an empty store that goes with the import.
    package init(
        _ format: ImportFormat, of file: AliasFile, domains chosen: [String: DomainName],
        into database: (any Database)?,
        scratch: any Database, clock: Clock, report: @escaping @Sendable (ImportFinding) throws -> Void,
        progress: @escaping @Sendable (ImportProgress) -> Void
    ) async throws {
        self.format = format
        self.file = file
        self.database = database
        self.chosen = chosen
        self.clock = clock
        self.report = report
        self.progress = progress
        index = try await AliasIndex(in: scratch)
    }

    /// What was seen of the file.
    package struct Plan: Sendable {
        package var outcome: ImportOutcome
        let source: ImportedSource
        let anchors: [AliasFile.Anchor]
        let lastUser: Int64
        let lastAddress: Int64
        /// By what users have of them.
        var domains: [String: ImportedDomain] = [:]
        /// Kinds of hashes, those of the store included.
        var kinds: Set<String> = []
    }

    // MARK: Seeing

    /// Reads the file and reports what cannot come along. Changes nothing.
    ///
    /// - Parameter digest: SHA-256 of the file.
    package func plan(digest: [UInt8]) async throws -> Plan {
        let anchors = try file.anchors()
        let known = try await database?.read { [file, format] sql in
            (try ImportedSource.find(file, format, in: sql), try Candidate.otherHashes(in: sql).argon2Kinds)
        }
        let last = try file.last()
        var plan = Plan(
            outcome: ImportOutcome(format), source: known?.0 ?? ImportedSource(new: anchors), anchors: anchors,
            lastUser: last.user ?? .min, lastAddress: last.address ?? .min)
        plan.outcome.digest = hexadecimal(digest)
        plan.kinds = Set(known?.1 ?? [])
        try await seeDomains(&plan)
        let count = try file.count()
        var (number, seen) = (Int64.min, 0)
        while true {
            let users = try file.users(after: number, count: 2000)
            guard let end = users.last else { break }
            number = end.row
            let addresses = try file.addresses(ofUsers: users.map(\.row))
            try await see(users, addresses, &plan)
            seen += users.count + addresses.values.reduce(0) { $0 + $1.count }
            progress(.reading(Int64(seen), of: Int64(count.users + count.addresses), documents: seen))
            if number == .max { break }
        }
        try await seeOrphans(&plan)
        try await index.order()
        try await seeSharedNames(&plan)
        try await seeNamesHere(&plan)
        guard chosen.keys.allSatisfy({ name in plan.outcome.domains.contains { $0.name == name } }) else {
            let unknown = chosen.keys.filter { name in !plan.outcome.domains.contains { $0.name == name } }
            throw ImportError.unknownDomain(unknown.sorted().first ?? "")
        }
        return plan
    }

    // MARK: Domains

    private func seeDomains(_ plan: inout Plan) async throws {
        let rows = try file.domains()
        guard rows.count <= AliasFile.mostDomains else {
            throw ImportError.foreign("It has more than \(AliasFile.mostDomains) domains.")
        }
        for row in rows { try await see(domain: row.name ?? "", row: row, as: String(row.row), &plan) }
    }

    /// Decides what a domain of the file is here.
    private func see(
        domain name: String, row: AliasFile.Domain?, as key: String, _ plan: inout Plan
    ) async throws {
        let source = plan.source
        // What it became at its first import it stays, whether or not that is said again.
        let before: String? =
            if source.isKnown, let database {
                try await database.read { sql in try ImportedSource.domain(name, of: source.id, in: sql) }
            } else { nil }
        var choice = chosen[name]
        if choice == nil, let before { choice = try DomainName(before) }
        let (domain, refusal) = Self.domain(choice, name)
        let own = try? DomainName(name)
        var secret = ImportedDomain.Secret.none
        if let hash = row?.secretHash, let kind = try? OtherHashes.kind(of: hash), plan.admits(kind) { secret = .kept }
        var seen = ImportedDomain(
            name: name, domain: domain, hosts: own == domain ? [] : own.map { [$0] } ?? [], standing: .new,
            secret: secret, suggestion: chosen[name] == nil && before == nil ? own.flatMap(Self.suggestion) : nil,
            row: row?.row, secretHash: secret == .kept ? row?.secretHash : nil, refusal: refusal)
        var isBefore = false
        if let domain, let database {
            let hosts = [domain] + seen.hosts
            let here = try await database.read { sql in
                (
                    try Domains.isHosted(domain.text, in: sql),
                    try hosts.compactMap { host in
                        try sql("SELECT domain FROM domain_hosts WHERE host = \(host.text)").first?.text("domain")
                    }
                )
            }
            if let before, before != domain.text {
                seen.refusal = "it came along as \(before) before"
            } else if before != nil {
                isBefore = true
                if !here.0 { seen.refusal = "it came along before and was removed here" }
            } else if let other = here.1.first(where: { $0 != domain.text }) {
                seen.refusal = "the host name is one of the domain \(other) here"
            }
            if here.0 { seen.standing = .there }
        }
        // Two domains of the file may be one here, as those of two host names; the first one's secret counts.
        let isSecond = plan.outcome.domains.contains { $0.domain == domain && $0.refusal == nil }
        if seen.refusal == nil, domain == nil { seen.refusal = "it has no name" }
        if seen.refusal != nil { seen.standing = .refused }
        let place = ImportFinding.Place.row(row?.row, table: row == nil ? "a domain of users" : "domain")
        if isBefore, seen.refusal == nil {
            plan.outcome.counts[.domain, .there] += 1
        } else if let refusal = seen.refusal {
            plan.outcome.counts[.domain, .refused] += 1
            try report(ImportFinding(place, .domain, .refused, refusal))
        } else {
            plan.outcome.counts[.domain, .new] += 1
            var remark: String?
            if seen.standing == .there {
                remark = "it is hosted here already; its aliases come along into it, and its secret here stays"
            } else if isSecond {
                remark = "another one of the file is the same here; the secret of that one counts"
            } else if row != nil, secret == .none {
                remark =
                    "its secret is no hash of Argon2 that can come along; `gatehouse domain rotate-secret` gives it one"
            }
            if let remark {
                plan.outcome.counts.partly += 1
                try report(ImportFinding(place, .domain, .partly, remark))
            }
        }
        plan.outcome.domains.append(seen)
        plan.domains[key] = seen
    }

    private static func domain(_ chosen: DomainName?, _ name: String) -> (DomainName?, refusal: String?) {
        if let chosen { return (chosen, nil) }
        do { return (try DomainName(name), nil) } catch {
            return (nil, "\(AliasRecord.lowered(error.description)); --domain chooses another name")
        }
    }

    /// Such names are of servers: the aliases are those of the domain above.
    private static func suggestion(_ name: DomainName) -> DomainName? {
        let parts = name.text.split(separator: ".", maxSplits: 1)
        guard parts.count == 2, ["cap", "ccap", "opencap", "www"].contains(parts[0]) else { return nil }
        return try? DomainName(String(parts[1]))
    }

    // MARK: Users

    /// Where a user stands.
    private enum Standing {
        case new, left, there

        var part: Int {
            switch self {
            case .there: -1
            case .left: 0
            case .new: 1
            }
        }
    }

    private func see(
        _ users: [AliasFile.User], _ addresses: [Int64: [AliasFile.Address]], _ plan: inout Plan
    ) async throws {
        if format == .goServer {
            for user in users where plan.domains[user.domain] == nil {
                guard plan.domains.count < AliasFile.mostDomains else {
                    throw ImportError.foreign("It has more than \(AliasFile.mostDomains) domains.")
                }
                try await see(domain: user.domain, row: nil, as: user.domain, &plan)
            }
        }
        let refusedBefore = try await refusals(users, addresses, plan.source)
        let (source, table) = (plan.source, file.program)
        var entries: [AliasIndex.Entry] = []
        var late: [AliasIndex.Late] = []
        var refused: [(kind: ImportKind, row: Int64)] = []
        for user in users {
            let own = addresses[user.row] ?? []
            var remarks: AliasRecord.Remarks = []
            do {
                let record = try record(user, own, &remarks, &plan)
                let standing = Self.standing(of: record, source, isRefused: refusedBefore.users.contains(user.row))
                var coming = 0
                for address in record.addresses {
                    if standing != .there {
                        coming += 1
                    } else if address.row > source.addressesUntil || refusedBefore.addresses.contains(address.row) {
                        late.append(AliasIndex.Late(row: address.row, user: user.row))
                        coming += 1
                    } else {
                        plan.outcome.counts[.address, .there] += 1
                    }
                }
                plan.outcome.counts[.address, .new] += coming
                plan.outcome.counts[.user, standing == .there ? .there : .new] += 1
                entries.append(
                    AliasIndex.Entry(
                        name: record.alias.text, isCanonical: record.isCanonical, row: user.row, addresses: coming,
                        part: standing.part))
                for remark in remarks {
                    plan.outcome.counts[.address, .refused] += 1
                    refused.append((.address, remark.row))
                    try report(
                        ImportFinding(
                            .row(remark.row, table: table.table(of: .address)), .address, .refused, remark.reason))
                }
            } catch let refusal as ImportRefusal {
                plan.outcome.counts[.user, .refused] += 1
                plan.outcome.counts[.address, .refused] += own.count
                refused.append((.user, user.row))
                try report(
                    ImportFinding(.row(user.row, table: table.table(of: .user)), .user, .refused, refusal.reason))
            }
        }
        try await index.add(entries, late, refused: refused)
    }

    private func record(
        _ user: AliasFile.User, _ addresses: [AliasFile.Address], _ remarks: inout AliasRecord.Remarks,
        _ plan: inout Plan
    ) throws -> AliasRecord {
        guard let domain = plan.domains[user.domain] else { throw ImportRefusal("its domain is not in the file") }
        guard domain.refusal == nil, let name = domain.domain else {
            throw ImportRefusal("its domain does not come along")
        }
        let record = try AliasRecord(
            user, addresses, domain: name, named: domain.name, of: file.program, remarks: &remarks)
        guard format == .goServer || (try? plan.admits(OtherHashes.kind(of: record.passwordHash))) == true else {
            throw ImportRefusal(
                "its hash is of one kind too many: a store has at most \(Self.mostKinds) kinds of foreign ones, which together "
                    + "take no more than some seconds")
        }
        return record
    }

    private static func standing(of record: AliasRecord, _ source: ImportedSource, isRefused: Bool) -> Standing {
        if isRefused { return .new }
        if record.row <= source.usersUntil { return .there }
        guard let round = source.round, record.row <= round.users else { return .new }
        return record.alias.text <= round.name ? .there : .left
    }

    /// Those that did not come along the last time.
    private func refusals(
        _ users: [AliasFile.User], _ addresses: [Int64: [AliasFile.Address]], _ source: ImportedSource
    ) async throws -> (users: Set<Int64>, addresses: Set<Int64>) {
        guard source.isKnown, let database else { return ([], []) }
        let numbers = (users.map(\.row), addresses.values.flatMap { $0.map(\.row) })
        return try await database.read { sql in
            (
                Set(try numbers.0.filter { try source.isRefused(.user, $0, in: sql) }),
                Set(try numbers.1.filter { try source.isRefused(.address, $0, in: sql) })
            )
        }
    }

    private func seeOrphans(_ plan: inout Plan) async throws {
        var last = Int64.min
        while true {
            let orphans = try file.orphans(after: last, count: 1000)
            for row in orphans {
                last = row
                plan.outcome.counts[.address, .refused] += 1
                try report(
                    ImportFinding(
                        .row(row, table: file.program.table(of: .address)), .address, .refused,
                        "its user is not in the file"))
            }
            if orphans.count < 1000 { return }
        }
    }

    /// In the original `DaVe` and `dave` are two; the one that it could find keeps the name, else the first.
    private func seeSharedNames(_ plan: inout Plan) async throws {
        var last = ""
        while true {
            let names = try await index.sharedNames(after: last, count: 500)
            for name in names {
                last = name
                let entries = try await index.entries(named: name)
                try await refuse(entries.dropFirst().filter { $0.part >= 0 }, &plan) { _ in
                    "its name is the same as that of \(file.program.table(of: .user)) \(entries[0].row) here"
                }
            }
            if names.count < 500 { return }
        }
    }

    private func seeNamesHere(_ plan: inout Plan) async throws {
        let hosted = Set(plan.outcome.domains.filter { $0.standing == .there }.compactMap { $0.domain?.text })
        guard let database, !hosted.isEmpty else { return }
        var last = ""
        while true {
            let entries = try await index.next(after: last, count: 2000)
            guard let end = entries.last else { return }
            last = end.name
            let taken = try await database.read { sql in
                try entries.filter { entry in
                    guard let alias = try? Alias(entry.name), hosted.contains(alias.domain) else { return false }
                    return try Accounts.id(of: .alias(alias), in: sql) != nil
                }
            }
            try await refuse(taken, &plan) { _ in "there is an account of this name; it stays as it is" }
        }
    }

    private func refuse(
        _ entries: [AliasIndex.Entry], _ plan: inout Plan, _ reason: (AliasIndex.Entry) -> String
    ) async throws {
        guard !entries.isEmpty else { return }
        for entry in entries {
            plan.outcome.counts[.user, .new] -= 1
            plan.outcome.counts[.user, .refused] += 1
            plan.outcome.counts[.address, .new] -= entry.addresses
            plan.outcome.counts[.address, .refused] += entry.addresses
            try report(
                ImportFinding(.row(entry.row, table: file.program.table(of: .user)), .user, .refused, reason(entry)))
        }
        try await index.refuse(entries)
    }
}

extension AliasImport.Plan {
    /// Whether a hash of this kind may come along, which then is one of the kinds.
    fileprivate mutating func admits(_ kind: String) -> Bool {
        if kinds.contains(kind) { return true }
        let work = (kinds.union([kind])).reduce(UInt64(0)) { $0 + (OtherHashes.work(ofKind: $1) ?? 0) }
        guard kinds.count < AliasImport.mostKinds, work <= AliasImport.mostWork else { return false }
        kinds.insert(kind)
        return true
    }
}

// MARK: - Doing

extension AliasImport {
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
        /// Users so far, of which their identifiers are made.
        var placed = 0
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
                    guard try address.insert(for: id, at: now, in: sql) else {
                        return "its user has set another address here"
                    }
                    try sql("UPDATE accounts SET addresses_version = addresses_version + 1 WHERE id = \(id)")
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
        for address in addresses { _ = try address.insert(for: id, at: now, in: sql) }
        return true
    }
}

extension AliasRecord.Address {
    /// - Returns: whether there was none of the kind.
    fileprivate func insert(for account: String, at now: Int64, in sql: borrowing Transaction) throws -> Bool {
        switch kind {
        case .type(let type):
            try sql.changes(
                """
                INSERT INTO addresses (account_id, address_type, address, extensions, written_at)
                VALUES (\(account), \(type.rawValue), \(address), '{}', \(now))
                ON CONFLICT (account_id, address_type) DO NOTHING
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
