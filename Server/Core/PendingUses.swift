import GatehouseStorage
import NIOConcurrencyHelpers

/// When things were last used, noted as it happens and written to the store later, for many at once.
final class PendingUses: Sendable {
    /// So many wait at most.
    private static let capacity = 10_000
    /// Written in one transaction, so that nobody else's waits long.
    private static let writtenAtOnce = 500

    private let uses = NIOLockedValueBox<[String: Int64]>([:])

    /// - Parameter now: in microseconds since 1970.
    /// - Returns: false when no more can wait. The use is then forgotten, and the next one counts.
    func note(_ id: String, at now: Int64) -> Bool {
        uses.withLockedValue { uses in
            guard uses[id] != nil || uses.count < Self.capacity else { return false }
            uses[id] = now
            return true
        }
    }

    /// - Parameter update: the statement that writes down one use, unless a later one is there.
    func write(
        to database: any Database, _ update: @escaping @Sendable (_ id: String, _ time: Int64) -> Query
    ) async throws {
        var rest = Array(take())[...]
        while !rest.isEmpty {
            let some = rest.prefix(Self.writtenAtOnce)
            do {
                try await database.transaction { sql in
                    for (id, time) in some { try sql(update(id, time)) }
                }
            } catch {
                putBack(Dictionary(uniqueKeysWithValues: Array(rest)))
                throw error
            }
            rest = rest.dropFirst(some.count)
        }
    }

    /// What the store does not know yet.
    func take() -> [String: Int64] {
        uses.withLockedValue { uses in
            defer { uses = [:] }
            return uses
        }
    }

    /// Gives back what could not be written.
    func putBack(_ unwritten: [String: Int64]) {
        uses.withLockedValue { uses in uses.merge(unwritten) { max($0, $1) } }
    }
}
