import Foundation
import GatehouseSQLite
import GatehouseStorage
import Testing

/// The engines that the contract suite runs on. A new one is a case here.
enum TestDatabase: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case sqlite

    var testDescription: String { rawValue }

    /// A store of its own, opened once.
    func make() async throws -> any Database {
        switch self {
        case .sqlite: try SQLiteDatabase.inMemory()
        }
    }

    /// A store of its own that can be opened several times, as several processes or nodes do.
    func makeStore() async throws -> any TestStore {
        switch self {
        case .sqlite: try SQLiteTestStore()
        }
    }
}

protocol TestStore: Sendable {
    func open() async throws -> any Database
}

/// A directory with a file that goes with the value.
final class SQLiteTestStore: TestStore {
    let directory: URL

    init() throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "gatehouse-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
    }

    deinit {
        do {
            try FileManager.default.removeItem(at: directory)
        } catch {
            Issue.record(error, "the test's directory should be removable")
        }
    }

    var path: String { directory.appending(path: "store.sqlite").path }

    func open() async throws -> any Database { try openSQLite() }

    /// Its commits do not wait for the disk unless a test asks for that: tests end processes, not power.
    func openSQLite(_ change: (inout SQLiteOptions) -> Void = { _ in }) throws -> SQLiteDatabase {
        var options = SQLiteOptions()
        options.isDurable = false
        change(&options)
        return try SQLiteDatabase(path: path, options: options)
    }
}

extension Database {
    func write(_ query: Query) async throws {
        try await transaction { sql in try sql(query) }
    }

    /// The first column of the first row.
    func integer(_ query: Query) async throws -> Int64 {
        try await #require(rows(query).first).integer(at: 0)
    }
}

/// Runs each job on a thread of its own, which may block. A dispatch queue would not do: on Linux it shares its threads
/// with Swift's pool.
final class BlockingExecutor: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        Thread.detachNewThread { [self] in unsafe job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
}

/// Does what blocks, away from Swift's pool.
func blocking<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await Task(executorPreference: BlockingExecutor()) { try body() }.value
}

/// Keeps a transaction open until it is told to end.
struct Gate: Sendable {
    private let entered = DispatchSemaphore(value: 0)
    private let opened = DispatchSemaphore(value: 0)

    /// In the body: says that it runs, and waits. Gives up after a minute.
    func pass() {
        entered.signal()
        _ = opened.wait(timeout: .now() + 60)
    }

    func open() { opened.signal() }

    /// Outside: waits until a body is in the gate.
    func waitUntilEntered() async throws {
        let entered = entered
        let result = try await blocking { entered.wait(timeout: .now() + 60) }
        #expect(result == .success)
    }
}
