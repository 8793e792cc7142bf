import CGatehouseSQLite

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What a connection does while another process holds the lock: asks again every millisecond, up to a time.
///
/// SQLite's own `busy_timeout` asks ever more seldom, in the end every 100 ms. Beside a writer that never rests, whose
/// lock is free for microseconds between two groups, that is too seldom to get a turn within seconds.
struct BusyWait {
    let timeoutNanoseconds: UInt64
    var startedAt: UInt64 = 0

    /// - Parameter state: stays where it is for as long as the connection is open.
    static func install(_ state: UnsafeMutablePointer<BusyWait>, on connection: OpaquePointer) -> Int32 {
        unsafe sqlite3_busy_handler(connection, waitWhileBusy, state)
    }
}

/// - Parameter count: how often SQLite has called this for the same lock.
/// - Returns: whether to ask again.
private func waitWhileBusy(_ state: UnsafeMutableRawPointer?, count: Int32) -> Int32 {
    guard let state = unsafe state?.assumingMemoryBound(to: BusyWait.self) else { return 0 }
    let now = monotonicNanoseconds()
    if count == 0 { unsafe state.pointee.startedAt = now }
    guard unsafe now &- state.pointee.startedAt < state.pointee.timeoutNanoseconds else { return 0 }
    usleep(1000)
    return 1
}
