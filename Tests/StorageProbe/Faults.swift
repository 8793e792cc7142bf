import Foundation
import GatehouseSQLite
import GatehouseStorage

/// No file may grow beyond a size: a commit fails while it is written. The limit is lifted afterwards.
///
/// Prints one word for a write before, for each of sixteen that share the failing commit, for a read meanwhile and for
/// a write afterwards; then how many rows there are.
func runLimited(_ path: String) async throws {
    // Without this the signal would end the process; writing then fails with an error instead.
    _ = signal(SIGXFSZ, SIG_IGN)
    let database = try SQLiteDatabase(path: path)
    try await database.transaction { sql in _ = try sql("CREATE TABLE notes (text TEXT NOT NULL)") }
    @Sendable func insert() async -> String {
        await outcome {
            try await database.transaction { sql in _ = try sql("INSERT INTO notes VALUES (\("note"))") }
        }
    }
    say(await insert())
    try limitFileSize(to: 1)
    let together = await withTaskGroup(of: String.self) { group in
        for _ in 0..<16 { group.addTask { await insert() } }
        return await group.reduce(into: []) { $0.append($1) }
    }
    for word in together { say(word) }
    say(await outcome { _ = try await database.rows("SELECT COUNT(*) FROM notes") })
    try limitFileSize(to: nil)
    say(await insert())
    say("\(try await database.rows("SELECT COUNT(*) FROM notes")[0].integer(at: 0)) rows")
    await database.close()
}

/// - Parameter bytes: `nil` for what the system allows.
private func limitFileSize(to bytes: UInt64?) throws {
    #if canImport(Glibc)
    let resource = __rlimit_resource_t(UInt32(RLIMIT_FSIZE.rawValue))
    #else
    let resource = RLIMIT_FSIZE
    #endif
    var limit = rlimit()
    guard unsafe getrlimit(resource, &limit) == 0 else { throw ProbeError.failed("getrlimit") }
    limit.rlim_cur = bytes.map { rlim_t($0) } ?? limit.rlim_max
    guard unsafe setrlimit(resource, &limit) == 0 else { throw ProbeError.failed("setrlimit") }
}

/// The file becomes one that may only be read, and writable again. Root may write anything, so it becomes nobody first.
///
/// Prints one word for a write before, one while the file is read-only, and one after.
func runReadOnly(_ path: String) async throws {
    let nobody: uid_t = 65534
    if geteuid() == 0 {
        guard setgid(nobody) == 0, setuid(nobody) == 0 else { throw ProbeError.failed("setuid") }
    }
    let database = try SQLiteDatabase(path: path)
    try await database.transaction { sql in _ = try sql("CREATE TABLE notes (text TEXT NOT NULL)") }
    func insert() async -> String {
        await outcome {
            try await database.transaction { sql in _ = try sql("INSERT INTO notes VALUES (\("note"))") }
        }
    }
    say(await insert())
    await database.close()

    let files = FileManager.default
    try files.setAttributes([.posixPermissions: 0o400], ofItemAtPath: path)
    say(
        await outcome {
            let refused = try SQLiteDatabase(path: path)
            await refused.close()
        })
    try files.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)

    // The same while the store is in use: another file takes its place, first read-only.
    let running = try SQLiteDatabase(path: path)
    func insertAgain() async -> String {
        await outcome {
            try await running.transaction { sql in _ = try sql("INSERT INTO notes VALUES (\("note"))") }
        }
    }
    try files.copyItem(atPath: path, toPath: path + ".copy")
    for suffix in ["", "-wal", "-shm"] where files.fileExists(atPath: path + suffix) {
        try files.removeItem(atPath: path + suffix)
    }
    try files.setAttributes([.posixPermissions: 0o400], ofItemAtPath: path + ".copy")
    try files.moveItem(atPath: path + ".copy", toPath: path)
    say(await insertAgain())
    try files.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    say(await insertAgain())
    await running.close()
}
