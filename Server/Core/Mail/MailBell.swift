import NIOConcurrencyHelpers

/// Wakes the sender of mail. Rings that nobody has heard yet are one.
final class MailBell: Sendable {
    /// For the one sender of this process.
    let strokes: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    private let isRung = NIOLockedValueBox(false)

    init() { (strokes, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    /// Something was enqueued.
    func ring() {
        isRung.withLockedValue { $0 = true }
        continuation.yield()
    }

    /// It is time to look again, as others enqueue too.
    func tick() { continuation.yield() }

    /// Whether somebody has rung since the last call.
    func wasRung() -> Bool {
        isRung.withLockedValue { isRung in
            defer { isRung = false }
            return isRung
        }
    }
}
