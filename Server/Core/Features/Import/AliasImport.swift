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
