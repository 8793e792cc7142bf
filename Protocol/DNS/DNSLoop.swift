internal import CGatehouseCAres
internal import Foundation

/// The thread of a client: the only one that touches its channel of c-ares.
@safe final class DNSLoop {
    /// c-ares asks each server so often, and waits twice as long each time.
    private static let tries: Int32 = 3
    /// So long at most without a look at the clock.
    private static let longestWait: Duration = .seconds(60)

    private let queue: DNSQueue
    private let channel: ares_channel

    /// Nothing is asked before the first question comes, but the thread is there.
    static func start(_ queue: DNSQueue, servers: [DNSServer]?, timeout: Duration) {
        Thread.detachNewThread {
            guard let loop = DNSLoop(queue, servers: servers, timeout: timeout) else { return queue.end() }
            loop.run()
        }
    }

    private init?(_ queue: DNSQueue, servers: [DNSServer]?, timeout: Duration) {
        guard ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS else { return nil }
        // All tries together take as long as a question may: 1 + 2 + 4.
        let first = Int32(min(max(1, timeout / .milliseconds(7)), 60_000))
        var channel: ares_channel?
        let list = servers.map { $0.map(\.description).joined(separator: ",") }
        let code = unsafe gatehouse_ares_open(&channel, list, first, Self.tries)
        guard code == ARES_SUCCESS, let channel = unsafe channel else { return nil }
        self.queue = queue
        unsafe self.channel = channel
    }

    deinit { unsafe ares_destroy(channel) }

    /// Returns when nobody has questions any more.
    private func run() {
        while let new = queue.takeNew() {
            for question in new { ask(question) }
            let next = queue.endLate(at: .now) ?? Self.longestWait
            let wait = min(max(next, .zero), Self.longestWait)
            // Rounded up, or it would come back for nothing.
            unsafe gatehouse_ares_wait(channel, queue.bell, Int32(wait / .milliseconds(1)) + 1)
        }
    }

    private final class Asked {
        let queue: DNSQueue
        let question: DNSQuestion

        init(_ queue: DNSQueue, _ question: DNSQuestion) {
            self.queue = queue
            self.question = question
        }
    }

    private func ask(_ question: DNSQuestion) {
        let asked = unsafe Unmanaged.passRetained(Asked(queue, question)).toOpaque()
        // c-ares calls back exactly once, at the latest when the channel goes.
        unsafe ares_query(
            channel, question.name, 1, Int32(question.type),
            { argument, status, _, octets, count in
                guard let argument = unsafe argument else { return }
                let asked = unsafe Unmanaged<Asked>.fromOpaque(argument).takeRetainedValue()
                asked.queue.answer(asked.question, unsafe DNSLoop.result(status, octets, count))
            }, asked)
    }

    private static func result(
        _ status: Int32, _ octets: UnsafeMutablePointer<UInt8>?, _ count: Int32
    ) -> Result<[UInt8], DNSError> {
        // What a server says is in its message, also when it is a refusal.
        if let octets = unsafe octets, count > 0 {
            return .success(unsafe Array(UnsafeBufferPointer(start: octets, count: Int(count))))
        }
        switch status {
        case ARES_ENOTFOUND: return .failure(.nameUnknown)
        case ARES_ENODATA: return .failure(.noData)
        case ARES_EREFUSED: return .failure(.refused)
        case ARES_ETIMEOUT: return .failure(.timedOut)
        case ARES_EBADNAME: return .failure(.invalidName)
        case ARES_EBADRESP, ARES_EFORMERR: return .failure(.malformed)
        default: return .failure(.serverFailed)
        }
    }
}
