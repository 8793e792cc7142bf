import HTTPSignatures
import Synchronization

/// How far the server's clock is from ours, learnt from its answers.
final class ServerClock: Sendable {
    private let state = Mutex((offset: 0.0, isLearnt: false))

    /// Seconds that the server's clock is ahead of ours; 0 as long as nothing is known.
    var offset: Double { state.withLock { $0.offset } }

    /// Unix seconds by the server's clock.
    func now(_ ours: Double) -> Double { ours + offset }

    /// Learns from `Date`.
    ///
    /// - Parameter now: Unix seconds by our clock when the answer came.
    func learn(from response: TransportResponse, now: Double) {
        // An answer with Age was stored on the way (RFC 9111 §5.1), so its Date is old.
        guard response.header("Age") == nil, let date = response.header("Date").flatMap({ HTTPDate.unixSeconds($0) })
        else {
            return
        }
        learn(Double(date), now: now)
    }

    /// - Parameters:
    ///   - server: Unix seconds by the server's clock when it answered.
    ///   - now: Unix seconds by ours when the answer came.
    func learn(_ server: Double, now: Double) {
        let difference = server - now
        // Below two seconds it is the header's own coarseness and the way of the answer.
        state.withLock { $0 = (abs(difference) < 2 ? 0 : difference, true) }
    }

    /// Takes what others learnt, as long as the server itself has said nothing here.
    func begin(with offset: Double) { state.withLock { if !$0.isLearnt { $0.offset = offset } } }
}
