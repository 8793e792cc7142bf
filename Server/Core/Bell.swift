import NIOConcurrencyHelpers

/// Wakes whoever does work that is written down in the store: who sends mail, who answers requests for reset links. Rings that
/// nobody has heard yet are one.
final class Bell: Sendable {
    /// For the one listener of this process.
    let strokes: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    private let isRung = NIOLockedValueBox(false)

    init() { (strokes, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    /// Something was written down.
    func ring() {
        isRung.withLockedValue { $0 = true }
        continuation.yield()
    }

    /// It is time to look again, as other processes write too.
    func tick() { continuation.yield() }

    /// Whether somebody has rung since the last call.
    func wasRung() -> Bool {
        isRung.withLockedValue { isRung in
            defer { isRung = false }
            return isRung
        }
    }
}
