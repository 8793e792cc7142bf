internal import CGatehouseCurl
internal import Foundation
internal import Synchronization

/// The transports of this process that still have a thread.
///
/// When the process ends, OpenSSL frees what it shares between connections, and a thread that still uses one would crash. So the
/// threads have to end first.
enum LiveTransports {
    private static let queues = Mutex<[ObjectIdentifier: TransferQueue]>([:])

    /// - Parameter queue: of a thread that is about to start.
    static func add(_ queue: TransferQueue) {
        _ = libcurl
        queues.withLock { $0[ObjectIdentifier(queue)] = queue }
    }

    /// - Parameter queue: of a thread that will not touch libcurl any more.
    static func remove(_ queue: TransferQueue) { queues.withLock { $0[ObjectIdentifier(queue)] = nil } }

    /// Must have happened before anything else of libcurl; a static is made once, whatever the number of threads.
    private static let libcurl: Void = {
        let code = curl_global_init(Int(CURL_GLOBAL_SSL | CURL_GLOBAL_WIN32))
        precondition(code == CURLE_OK, "libcurl cannot be initialised")
        // Handlers run in reverse order, and OpenSSL has registered its own just now.
        atexit { LiveTransports.end() }
    }()

    private static func end() {
        for queue in queues.withLock({ Array($0.values) }) { queue.close(.shutDown) }
        // A thread needs milliseconds, more in the middle of handshakes; three seconds are the limit of how long an exit may take.
        for _ in 0..<3000 where queues.withLock({ !$0.isEmpty }) { usleep(1000) }
    }
}
