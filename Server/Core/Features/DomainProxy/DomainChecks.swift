import GatehouseDNS
import GatehouseStorage

/// What a round of checks found that somebody should know.
struct DomainChecked: Sendable {
    /// The domains whose record is missing since now.
    var missing: [String] = []
    /// Those that nobody could tell anything about.
    var unanswered: [String: DNSError] = [:]
}

extension DomainProxy {
    /// How long a check counts; one without an answer is repeated sooner.
    private static let interval = Int64.days(1)
    private static let intervalWithoutAnswer = Int64.minutes(60)
    private static let checksAtOnce = 100

    /// Looks whether the records of domains are still there, of those whose day is over.
    ///
    func checkDue() async throws -> DomainChecked {
        var checked = DomainChecked()
        guard let lookUp else { return checked }
        let now = clock.now()
        let due = try await database.read { sql in
            try HostedRecord.due(before: now - Self.interval, at: now, limit: Self.checksAtOnce, in: sql)
        }
        for hosted in due {
            guard let record = hosted.record, try await claimCheck(of: hosted, at: now) else { continue }
            let finding = await DomainFinding.of(hosted.domain, lookUp)
            try Task.checkCancellation()
            let time = clock.now()
            let isNew = try await database.transaction { sql in
                if !finding.isCertain {
                    let again = time - Self.interval + Self.intervalWithoutAnswer
                    try sql(
                        """
                        UPDATE domains SET checked_at = \(again)
                        WHERE name = \(hosted.domain) AND verified_record = \(record)
                        """)
                }
                return try HostedRecord.note(finding, of: hosted.domain, record, at: time, outbox, in: sql)
            }
            if isNew { checked.missing.append(hosted.domain) }
            if case .nothing(let error) = finding, !error.isCertain { checked.unanswered[hosted.domain] = error }
        }
        return checked
    }

    /// Of several processes at once one checks.
    private func claimCheck(of hosted: HostedRecord, at now: Int64) async throws -> Bool {
        try await database.transaction { sql in
            try sql.changes(
                """
                UPDATE domains SET checked_at = \(now) WHERE name = \(hosted.domain)
                    AND COALESCE(checked_at, -1) = \(hosted.checkedAt ?? -1)
                """) == 1
        }
    }
}
