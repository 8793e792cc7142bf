internal import CGatehouseCAres
internal import Foundation

/// The thread of a client: the only one that touches its channel of c-ares.
///
/// The channel lives while there are questions: what is left of those that were given up ends with it, and the next one reads
/// anew which servers the system has.
@safe final class DNSLoop {
    /// c-ares asks each server so often, and waits twice as long each time.
    private static let tries: Int32 = 3
    /// Questions of which somebody waits for the answer. Far fewer than make a server's socket overflow.
    private static let mostAtOnce = 100
    /// c-ares forgets no single one that was given up, and numbers all with 16 bits.
    private static let mostHeld = 10_000
    /// Only once: it counts without a lock.
    private static let isReady = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS

    private let queue: DNSQueue
    private let servers: [DNSServer]?
    /// Milliseconds until c-ares asks for the second time.
    private let first: Int32
    private var channel: ares_channel?
    /// Questions that c-ares has, those that were given up among them.
    private var asking = 0

    /// Nothing is asked before the first question comes, but the thread is there.
    static func start(_ queue: DNSQueue, servers: [DNSServer]?, timeout: Duration) {
        let thread = Thread { DNSLoop(queue, servers: servers, timeout: timeout).run() }
        thread.name = "dns"
        thread.start()
    }

    private init(_ queue: DNSQueue, servers: [DNSServer]?, timeout: Duration) {
        self.queue = queue
        self.servers = servers
        // c-ares takes 9 to 16 sixteenths of it, so this is a quarter of the time or more. Over TCP it tries a server once only.
        first = Int32(min(max(1, timeout / .milliseconds(1) * 4 / 9), 60_000))
    }

    /// Returns when nobody has questions any more.
    private func run() {
        defer { closeChannel() }
        while let questions = queue.take(upTo: Self.mostAtOnce) {
            for question in questions { ask(question) }
            let next = queue.endLate(at: .now)
            if next == nil { closeChannel() }
            if asking > Self.mostHeld {
                closeChannel()
                queue.putBack()
                continue
            }
            // Rounded up, or it would come back for nothing.
            let wait = next.map { Int32(min($0 / .milliseconds(1), 60_000)) + 1 } ?? -1
            unsafe gatehouse_ares_wait(channel, queue.bell, wait)
        }
    }

    private func openChannel() -> ares_channel? {
        if let channel = unsafe channel { return unsafe channel }
        let list = servers.map { $0.map(\.description).joined(separator: ",") }
        guard Self.isReady, unsafe gatehouse_ares_open(&channel, list, first, Self.tries) == ARES_SUCCESS else {
            unsafe channel = nil
            return nil
        }
        return unsafe channel
    }

    /// Ends what c-ares still asks.
    private func closeChannel() {
        guard let open = unsafe channel else { return }
        unsafe channel = nil
        unsafe ares_destroy(open)
    }

    private final class Asked {
        let loop: DNSLoop
        let question: DNSQuestion

        init(_ loop: DNSLoop, _ question: DNSQuestion) {
            self.loop = loop
            self.question = question
        }
    }

    private func ask(_ question: DNSQuestion) {
        guard let channel = unsafe openChannel() else { return queue.answer(question, .failure(.serverFailed)) }
        asking += 1
        let asked = unsafe Unmanaged.passRetained(Asked(self, question)).toOpaque()
        // c-ares calls back exactly once, at the latest when the channel goes.
        unsafe ares_query(
            channel, question.name, 1, Int32(question.type.rawValue),
            { argument, status, _, octets, count in
                guard let argument = unsafe argument else { return }
                let asked = unsafe Unmanaged<Asked>.fromOpaque(argument).takeRetainedValue()
                asked.loop.asking -= 1
                // The channel goes, and with it what nobody waits for, or what will be asked again.
                guard status != ARES_EDESTRUCTION else { return }
                asked.loop.queue.answer(asked.question, unsafe DNSLoop.result(status, octets, count))
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
        case ARES_ETIMEOUT: return .failure(.timedOut)
        case ARES_EBADNAME: return .failure(.invalidName)
        case ARES_EBADRESP: return .failure(.malformed)
        default: return .failure(.serverFailed)
        }
    }
}
