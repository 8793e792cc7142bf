/// When mail is tried, and tried again.
struct MailPace: Sendable {
    /// After the first failure, the second and so on; the last stays. In microseconds, before jitter.
    var pauses: [Int64]
    /// A mail that could not be sent for so long is given up, in microseconds; sooner when it is of no use any more.
    var patience: Int64
    /// How long nobody else takes a mail that is being sent. When a process dies, its mail waits for so long, so not much longer
    /// than sending can take.
    var lease: Int64
    /// How often to look for mail that other processes enqueued, and for what is due again.
    var look: Duration
    /// How long an attempt may go on when the server is told to stop.
    var farewell: Duration

    static let asShipped = MailPace(
        pauses: [5, 15, 60, 300, 900, 1800, 3600].map(Int64.seconds), patience: .days(3), lease: .seconds(120),
        look: .seconds(2), farewell: .seconds(5))

    /// For `--test-limits`.
    static let forTests = MailPace(
        pauses: [.seconds(1) / 5, .seconds(1)], patience: .days(3), lease: .seconds(120), look: .milliseconds(200),
        farewell: .seconds(5))

    /// - Parameters:
    ///   - attempts: that have failed, 1 or more.
    ///   - random: from 0 to 1. Pauses differ by up to a fifth either way, so that not all that failed together comes together.
    func pause(after attempts: Int, random: Double) -> Int64 {
        let pause = pauses[min(max(attempts, 1), pauses.count) - 1]
        return Int64(Double(pause) * (0.8 + 0.4 * random))
    }
}
