/// When a request that failed is sent again, and after what time.
public struct RetryPolicy: Sendable {
    /// Never again.
    public static let none = RetryPolicy(maximum: 0)

    /// Further attempts at most.
    public var maximum: Int
    /// The longest that a call waits before a further attempt; when the server asks for more, the call fails instead.
    public var longestWait: Duration
    /// From 0 to 1: by how much waits differ, so that many clients do not come back at once.
    public var jitter: @Sendable () -> Double

    /// - Parameters:
    ///   - maximum: further attempts; 0 for none.
    ///   - longestWait: before each.
    ///   - jitter: a number from 0 to 1, different each time.
    public init(
        maximum: Int = 2, longestWait: Duration = .seconds(5),
        jitter: @escaping @Sendable () -> Double = { Double.random(in: 0...1) }
    ) {
        self.maximum = maximum
        self.longestWait = longestWait
        self.jitter = jitter
    }

    /// - Parameter attempts: how many have failed.
    /// - Returns: nil when the failure is final.
    func wait(after failure: GatehouseError, attempts: Int, repetition: Call.Repetition) -> Duration? {
        guard attempts <= maximum, repetition != .never else { return nil }
        switch failure {
        case .unreachable(let failure):
            // Whoever has waited a whole timeout shall not wait for another one, and certificates do not mend themselves.
            guard failure.kind == .unreachable || failure.kind == .connectionLost else { return nil }
            guard repetition == .always || !failure.mayHaveArrived else { return nil }
            // Doubled each time, up to 100 s.
            let pause = Duration.milliseconds(100 << min(attempts - 1, 10))
            return min(longestWait, pause * (0.5 + jitter() / 2))
        case .refused(let refusal):
            guard refusal.status == 503 || refusal.status == 429, let seconds = refusal.retryAfter else { return nil }
            // With a code it is the server's own word that nothing was done; without, it may be a proxy's.
            guard repetition == .always || refusal.code != nil else { return nil }
            let pause = Duration.seconds(seconds)
            return pause <= longestWait ? pause + .milliseconds(250) * jitter() : nil
        default: return nil
        }
    }
}
