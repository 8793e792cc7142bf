/// When a request that failed is sent again, and after what time.
public struct RetryPolicy: Sendable {
    /// Further attempts at most.
    public var maximum: Int
    /// The longest that a call waits before a further attempt; when the server asks for more, the call fails instead.
    public var longestWait: Duration
    /// A number from 0 to 1 by which waits differ, so that many clients do not come back at once.
    let jitter: @Sendable () -> Double

    /// - Parameters:
    ///   - maximum: further attempts; 0 for none.
    ///   - longestWait: before each.
    public init(maximum: Int = 2, longestWait: Duration = .seconds(5)) {
        self.init(maximum: maximum, longestWait: longestWait) { Double.random(in: 0...1) }
    }

    init(maximum: Int, longestWait: Duration, jitter: @escaping @Sendable () -> Double) {
        self.maximum = maximum
        self.longestWait = longestWait
        self.jitter = jitter
    }

    /// - Returns: nil when the failure is final. A request that must not arrive twice is sent again only when it certainly never arrived.
    func wait(after failure: GatehouseError, failures: Int, isRepeatable: Bool) -> Duration? {
        guard failures <= maximum else { return nil }
        switch failure {
        case .unreachable(let failure):
            guard !failure.isCancellation, isRepeatable || !failure.mayHaveArrived else { return nil }
            return min(longestWait, .milliseconds(100) * (1 << (failures - 1)) * (0.5 + jitter() / 2))
        case .refused(let refusal):
            guard isRepeatable, refusal.status == 503 || refusal.status == 429, let seconds = refusal.retryAfter,
                (0...Int(longestWait.components.seconds)).contains(seconds)
            else { return nil }
            return .seconds(seconds) + .milliseconds(250) * jitter()
        default: return nil
        }
    }
}
