import GatehouseStorage

/// A transaction on its way through the queue and the writer.
protocol PendingWrite: AnyObject, Sendable {
    /// Belongs to the queue's lock.
    var phase: WritePhase { get set }
    /// Runs the body and keeps its result. On the writer's thread.
    func run(in sql: borrowing Transaction) throws
    /// Hands the kept result over, after the commit. Once.
    func finish()
    func finish(throwing error: any Error)
}

enum WritePhase: Int, Comparable {
    case made, waiting, running, cancelled

    static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// `@unchecked Sendable`: `continuation` is set before the queue's lock hands this to the writer and is used once
/// afterwards, by whoever moved `phase` on from `waiting` under that lock; `result` is touched by the writer only.
final class PendingTransaction<Result: Sendable>: PendingWrite, @unchecked Sendable {
    var phase = WritePhase.made
    var continuation: CheckedContinuation<Result, any Error>?
    private let body: @Sendable (borrowing Transaction) throws -> Result
    private var result: Result?

    init(_ body: @escaping @Sendable (borrowing Transaction) throws -> Result) {
        self.body = body
    }

    func run(in sql: borrowing Transaction) throws {
        result = try body(sql)
    }

    func finish() {
        guard let result else { return finish(throwing: StorageError(.other, message: "the body did not run")) }
        continuation?.resume(returning: result)
        continuation = nil
    }

    func finish(throwing error: any Error) {
        continuation?.resume(throwing: error)
        continuation = nil
    }
}
