import Synchronization

/// How far the server's clock is from ours, learnt from the `Date` of its answers.
final class ServerClock: Sendable {
    private let offset = Mutex<Double>(0)

    /// Unix seconds by the server's clock.
    func now(_ ours: Double) -> Double { ours + offset.withLock { $0 } }

    /// - Parameter now: Unix seconds by our clock when the answer came.
    func learn(from response: TransportResponse, now: Double) {
        // An answer with Age was stored on the way (RFC 9111 §5.1), so its Date is old.
        guard response.header("Age") == nil, let date = response.header("Date").flatMap(HTTPDate.unixSeconds) else {
            return
        }
        let difference = Double(date) - now
        // Below two seconds it is the header's own coarseness and the way of the answer.
        offset.withLock { $0 = abs(difference) < 2 ? 0 : difference }
    }
}
