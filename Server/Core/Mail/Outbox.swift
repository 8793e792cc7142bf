package import GatehouseCryptography
import GatehouseJSON
package import GatehouseStorage

/// A mail that a rule wants to go out.
package struct OutgoingMail: Sendable, Equatable {
    package let recipient: String
    package let template: MailTemplate
    /// By the names that the template has; see `MailTemplate.values`.
    package let values: [String: String]

    package init(to recipient: String, template: MailTemplate, values: [String: String]) {
        self.recipient = recipient
        self.template = template
        self.values = values
    }
}

/// The mail that waits in the store. It is written in the transaction of the change that it tells of, and sent afterwards, by
/// whichever process takes it first.
package struct Outbox: Sendable {
    /// Whether there is a mail server to send through. Without one nothing is enqueued: old mail that suddenly goes out helps
    /// nobody.
    package let isOn: Bool
    let masterKey: SealingKey
    let bell = Bell()

    package init(isOn: Bool, masterKey: SealingKey) {
        self.isOn = isOn
        self.masterKey = masterKey
    }

    /// Writes one mail down, sealed. Does nothing while mail is off.
    ///
    /// - Parameter now: in microseconds since 1970.
    package func enqueue(_ mail: OutgoingMail, at now: Int64, in sql: borrowing Transaction) throws {
        guard isOn else { return }
        let id = SystemRandom.identifier()
        try sql(
            """
            INSERT INTO outbox (id, sealed, created_at, next_attempt_at, attempts)
            VALUES (\(id), \(try seal(mail, id)), \(now), \(now), 0)
            """)
        // Rung before the commit. Whoever hears it asks for due mail in a transaction, which comes after this one; where that
        // does not hold, because this one is rolled back or the engine lets it overtake, the next look finds what there is.
        bell.ring()
    }

    /// A mail that this process sends now, and nobody else until its lease ends.
    struct Taken: Sendable {
        let id: String
        /// Nil when it cannot be opened.
        let mail: OutgoingMail?
        let createdAt: Int64
        /// This one included.
        let attempts: Int
        fileprivate let lease: String
    }

    /// Takes what is due, the longest due first.
    ///
    /// - Parameter lease: how long nobody else takes it, in microseconds.
    func take(_ limit: Int, at now: Int64, lease: Int64, in sql: borrowing Transaction) throws -> [Taken] {
        let word = SystemRandom.identifier()
        // One statement asks and takes. The second comparison is for engines that wait for the row's lock and look again.
        let rows = try sql(
            """
            UPDATE outbox SET lease = \(word), next_attempt_at = \(now + lease), attempts = attempts + 1
            WHERE id IN (
                SELECT id FROM outbox WHERE next_attempt_at <= \(now) ORDER BY next_attempt_at, id LIMIT \(limit)
            ) AND next_attempt_at <= \(now)
            RETURNING id, sealed, created_at, attempts
            """)
        return try rows.map { row in
            let id = try row.text("id")
            return Taken(
                id: id, mail: open(try row.text("sealed"), id), createdAt: try row.integer("created_at"),
                attempts: Int(try row.integer("attempts")), lease: word)
        }
    }

    static func hasDue(at now: Int64) -> Query { "SELECT 1 FROM outbox WHERE next_attempt_at <= \(now) LIMIT 1" }

    /// Forgets a mail that was sent, or never will be.
    func remove(_ taken: Taken, in sql: borrowing Transaction) throws {
        try sql("DELETE FROM outbox WHERE id = \(taken.id) AND lease = \(taken.lease)")
    }

    /// Gives a mail back that was not sent, unless the lease has ended and another has it.
    ///
    /// - Parameter counts: whether this was an attempt.
    func giveBack(_ taken: Taken, until next: Int64, counts: Bool, in sql: borrowing Transaction) throws {
        try sql(
            """
            UPDATE outbox SET lease = NULL, next_attempt_at = \(next), attempts = attempts - \(counts ? 0 : 1)
            WHERE id = \(taken.id) AND lease = \(taken.lease)
            """)
    }

    // MARK: Sealing

    private static func context(_ id: String) -> String { "outbox \(id)" }

    private func seal(_ mail: OutgoingMail, _ id: String) throws -> String {
        let values = mail.values.sorted { $0.key < $1.key }.map {
            JSONValue.Member(name: $0.key, value: .string($0.value))
        }
        let json: JSONValue = [
            "to": .string(mail.recipient), "template": .string(mail.template.rawValue), "values": .object(values),
        ]
        return Base64URL.encode(try masterKey.seal(json.bytes(), context: Self.context(id)))
    }

    private func open(_ sealed: String, _ id: String) -> OutgoingMail? {
        guard let octets = Base64URL.decode(sealed),
            let plain = try? masterKey.open(octets, context: Self.context(id)),
            let json = try? JSONValue(parsing: plain), let recipient = json["to"]?.string,
            let template = json["template"]?.string.flatMap(MailTemplate.init(rawValue:)),
            let members = json["values"]?.object
        else { return nil }
        var values: [String: String] = [:]
        for member in members { values[member.name] = member.value.string }
        return OutgoingMail(to: recipient, template: template, values: values)
    }
}
