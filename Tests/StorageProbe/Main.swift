import Foundation
import GatehouseSQLite
import GatehouseStorage

/// A second process for the tests of the store: it can be killed, limited and robbed of its rights without harm.
///
/// `GatehouseStorageProbe <verb> <path of a store>`. Answers are lines on stdout.
@main
struct Main {
    static func main() async throws {
        guard CommandLine.arguments.count == 3 else { throw ProbeError.usage }
        let path = CommandLine.arguments[2]
        switch CommandLine.arguments[1] {
        case "acknowledge": try await acknowledge(path)
        case "bump": try await bump(path)
        case "bump-each-line": try await bumpEachLine(path)
        case "hold": try await hold(path)
        case "migrate": try await migrate(path)
        case "limited": try await runLimited(path)
        case "read-only": try await runReadOnly(path)
        default: throw ProbeError.usage
        }
    }

    /// Writes until it is killed. Prints a row's id after its transaction was acknowledged, never before.
    private static func acknowledge(_ path: String) async throws {
        let database = try SQLiteDatabase(path: path)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<16 {
                group.addTask {
                    for number in 0... {
                        let id = "\(ProcessInfo.processInfo.processIdentifier)-\(writer)-\(number)"
                        try await database.transaction { sql in
                            try sql("INSERT INTO left_half VALUES (\(id))")
                            try sql("INSERT INTO right_half VALUES (\(id))")
                        }
                        say(id)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private static func bump(_ path: String) async throws {
        let database = try SQLiteDatabase(path: path)
        try await database.transaction { sql in _ = try sql("UPDATE generation SET value = value + 1") }
        await database.close()
    }

    /// Writes for each line of stdin, and prints one when that was acknowledged.
    private static func bumpEachLine(_ path: String) async throws {
        let database = try SQLiteDatabase(path: path)
        while readLine() != nil {
            try await database.transaction { sql in _ = try sql("UPDATE generation SET value = value + 1") }
            say("bumped")
        }
        await database.close()
    }

    /// Keeps a write transaction open until stdin ends.
    private static func hold(_ path: String) async throws {
        let database = try SQLiteDatabase(path: path)
        try await database.transaction { sql in
            try sql("SELECT 1")
            say("held")
            while readLine() != nil {}
        }
        await database.close()
    }

    private static func migrate(_ path: String) async throws {
        let database = try SQLiteDatabase(path: path)
        let migrations = (1...20).map { number in
            Migration(
                number: number, title: "table \(number)", statements: ["CREATE TABLE t\(number) (n BIGINT NOT NULL)"])
        }
        for number in try await database.migrate(migrations) { say("\(number)") }
        await database.close()
    }
}

enum ProbeError: Error { case usage, failed(String) }

/// One line on stdout, in one system call, so that a kill leaves whole lines.
func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe write(STDOUT_FILENO, $0.baseAddress, $0.count) }
}

/// What a write came to, in one word.
func outcome(_ write: () async throws -> Void) async -> String {
    do {
        try await write()
        return "ok"
    } catch let error as StorageError {
        return error.isUnavailable ? "unavailable:\(error.kind.rawValue)" : "failed:\(error)"
    } catch {
        return "failed:\(error)"
    }
}
